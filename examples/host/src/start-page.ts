import type { FastifyInstance } from "fastify";

/** `GET /`: a page for browsers, and text for everybody else. */
export interface StartPage {
  readonly html: string;
  readonly text: string;
}

/** Its style is within the page, and it loads nothing. */
const contentSecurityPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Adds it before the server listens; what it says is known once that listens. */
export function addStartPage(server: FastifyInstance, page: Promise<StartPage>): void {
  server.get("/", async (request, reply) => {
    const { html, text } = await page;
    reply.header("vary", "accept");
    if (!request.headers.accept?.includes("text/html"))
      return reply.type("text/plain; charset=utf-8").send(text);
    return reply
      .type("text/html; charset=utf-8")
      .header("content-security-policy", contentSecurityPolicy)
      .send(html);
  });
}
