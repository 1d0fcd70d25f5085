import type { FastifyRequest } from "fastify";
import { Fault } from "../../index.ts";

/**
 * A page of another origin must not open a connection with the cookies of its visitor: browsers do not apply CORS to
 * WebSockets, so it is done here. Whoever sends no origin is no browser, and has no visitor.
 * @throws Fault FORBIDDEN
 */
export function requireKnownOrigin(request: FastifyRequest, listed: readonly string[]): void {
  const { origin } = request.headers;
  if (origin === undefined || listed.includes(origin) || hostOf(origin) === request.host) return;
  throw new Fault("FORBIDDEN", undefined, { message: "Pages of this origin may not connect." });
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
