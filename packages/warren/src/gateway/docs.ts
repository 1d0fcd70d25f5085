import type { FastifyInstance } from "fastify";
import type { Edge } from "./edge.ts";
import { describeRoutes, type OpenApiDocument } from "./openapi/document.ts";
import type { DocsOptions } from "./options.ts";
import type { GatewayRoute } from "./routes.ts";

/**
 * `/openapi.json`, and a page to read it and try it out. Everything on the page comes from this server, so that it works
 * without the internet and tells nobody else who reads it.
 */
export async function addDocs(
  instance: FastifyInstance,
  { options }: Edge,
  routes: readonly GatewayRoute[],
  docs: DocsOptions,
): Promise<void> {
  const { title = "API", path = "/docs" } = docs;
  const { session } = options;
  const document = describeRoutes(routes, {
    title,
    version: docs.version,
    prefix: instance.prefix,
    sessionCookie: session && (session.name ?? "session"),
    sessionIdentifies: session?.principal !== undefined,
  });
  const text = JSON.stringify(document);
  instance.get("/openapi.json", (_request, reply) =>
    reply.type("application/json; charset=utf-8").send(text),
  );
  // Two such pages cannot live in one Fastify instance; an app that has its own can be pointed at the document.
  if (!instance.hasDecorator("swagger")) await addPage(instance, title, path, document);
}

async function addPage(
  instance: FastifyInstance,
  title: string,
  path: string,
  document: OpenApiDocument,
): Promise<void> {
  // Only loaded where the page is wanted.
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([
    import("@fastify/swagger"),
    import("@fastify/swagger-ui"),
  ]);
  await instance.register(swagger, { mode: "static", specification: { document: document as never } });
  await instance.register(swaggerUi, {
    routePrefix: path,
    indexPrefix: instance.prefix,
    staticCSP: contentSecurityPolicy,
    theme: { title, css: [{ filename: "plain.css", content: plain }] },
    uiConfig: {
      deepLinking: true,
      displayRequestDuration: true,
      defaultModelsExpandDepth: 0,
      tryItOutEnabled: true,
      // The page shows where it has the document from: the one address that is also told elsewhere.
      urls: [{ name: title, url: `${instance.prefix}/openapi.json` }],
    },
  });
}

const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** There is one document, and its address need not be typed. */
const plain = ".swagger-ui .topbar { display: none }";
