import { Fault } from "../index.ts";

/** What can be wrong with a request before any method is asked. */
export const edgeFaults = {
  BAD_REQUEST: { status: 400, title: "Bad request" },
  UNKNOWN_ROUTE: { status: 404, title: "Not found" },
  METHOD_NOT_ALLOWED: { status: 405, title: "Method not allowed" },
  REQUEST_TIMEOUT: { status: 408, title: "Request timeout" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "Unsupported media type" },
  TOO_MANY_REQUESTS: { status: 429, title: "Too many requests" },
} as const;

export type EdgeCode = keyof typeof edgeFaults;

/** A fault of the request itself; `message` is shown to the client. */
export function edgeFault<C extends EdgeCode, D = undefined>(
  code: C,
  message: string,
  data?: D,
): Fault<C, D | undefined> {
  return new Fault(code, data, { message });
}

export function isEdgeCode(code: string): code is EdgeCode {
  return Object.hasOwn(edgeFaults, code);
}

/** The code for a status that Fastify or a plugin of it chose. */
export function codeOfStatus(status: number): EdgeCode | "TOO_LARGE" | "UNAUTHENTICATED" | "FORBIDDEN" {
  if (status === 401) return "UNAUTHENTICATED";
  if (status === 403) return "FORBIDDEN";
  if (status === 413) return "TOO_LARGE";
  const found = Object.entries(edgeFaults).find(([, known]) => known.status === status);
  return (found?.[0] as EdgeCode | undefined) ?? "BAD_REQUEST";
}
