import type { IncomingMessage } from "node:http";
import { randomId, systemRandom } from "../index.ts";

/** The id a request came with, where it is one that can safely be logged and sent back; else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, "headers">): string {
  const known = ids.get(request);
  if (known !== undefined) return known;
  const given = request.headers["x-request-id"];
  const id = typeof given === "string" && /^[\w.~:-]{1,128}$/.test(given) ? given : randomId(systemRandom);
  ids.set(request, id);
  return id;
}

/** Fastify asks for the id of a request before any hook runs, and the hooks shall find the same. */
const ids = new WeakMap<object, string>();
