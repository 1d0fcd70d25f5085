import type { FastifyReply, FastifyRequest } from "fastify";
import { type Method, type Principal, retryAfterOf } from "../index.ts";
import { type Edge, requireEdge } from "./edge.ts";
import type { Problem } from "./problem.ts";

/**
 * Answers with a problem document, as routes made from contracts do. `method` tells which contract's statuses apply;
 * without it, those that all methods agree on. An error that is no fault is logged, and becomes `INTERNAL`.
 */
export function sendFault(reply: FastifyReply, error: unknown, method?: Method): FastifyReply {
  return sendProblem(reply, requireEdge(reply).problem(error, reply.request, method), error);
}

/**
 * Who makes a request, for routes written by hand; `undefined` for nobody in particular. Pass it on with calls.
 * @throws Fault UNAUTHENTICATED for a token that is not good, UNAVAILABLE when the issuer's keys cannot be fetched
 */
export async function principalOf(request: FastifyRequest): Promise<Principal | undefined> {
  return (await requireEdge(request).caller(request))?.principal;
}

/** Sends what `edge` has to tell about an error of one of its own routes. */
export function answerError(
  edge: Edge,
  error: unknown,
  reply: FastifyReply,
  method?: Method,
  invalidStatus?: number,
): FastifyReply {
  return sendProblem(reply, edge.problem(error, reply.request, method, invalidStatus), error);
}

function sendProblem(reply: FastifyReply, problem: Problem, error: unknown): FastifyReply {
  const data = dataOf(error);
  // A path that cannot even be decoded is refused before any hook has run.
  if (!reply.hasHeader("x-request-id")) reply.header("x-request-id", reply.request.id);
  if (problem.status === 401)
    reply.header("www-authenticate", data.token === "invalid" ? 'Bearer error="invalid_token"' : "Bearer");
  if (problem.code === "FORBIDDEN" && Array.isArray(data.missing))
    reply.header(
      "www-authenticate",
      `Bearer error="insufficient_scope", scope="${data.missing.join(" ").replaceAll(/[^\x20-\x7e]|["\\]/g, "")}"`,
    );
  if (problem.code === "METHOD_NOT_ALLOWED" && typeof data.allow === "string")
    reply.header("allow", data.allow);
  const retryAfter = retryAfterSeconds(problem.status, error);
  if (retryAfter !== undefined && !reply.hasHeader("retry-after"))
    reply.header("retry-after", String(retryAfter));
  return reply
    .status(problem.status)
    .header("content-type", "application/problem+json; charset=utf-8")
    .send(JSON.stringify(problem));
}

/** The header knows whole seconds only; coming a little later than asked is no mistake. */
function retryAfterSeconds(status: number, error: unknown): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const retryAfterMs = retryAfterOf(error);
  if (retryAfterMs !== undefined) return Math.ceil(retryAfterMs / 1_000);
  return status === 503 ? 1 : undefined;
}

function dataOf(error: unknown): {
  readonly token?: unknown;
  readonly missing?: unknown;
  readonly allow?: unknown;
} {
  const data = typeof error === "object" && error !== null && "data" in error ? error.data : undefined;
  return typeof data === "object" && data !== null ? data : {};
}
