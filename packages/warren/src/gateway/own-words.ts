import type { FastifyRequest } from "fastify";
import { Fault } from "../index.ts";
import { edgeFault } from "./edge-fault.ts";

/**
 * Says in this gateway's words what Fastify finds wrong with a request: its own either leave out what to do or repeat what
 * was sent. Every other error is returned as it is.
 */
export function inOwnWords(error: unknown, request: FastifyRequest): unknown {
  const code = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    const limit = request.routeOptions.bodyLimit;
    return new Fault("TOO_LARGE", { limit }, { message: `The body is larger than ${limit} bytes.` });
  }
  if (code === "FST_ERR_BAD_URL")
    return edgeFault(
      "BAD_REQUEST",
      'The path cannot be decoded: each "%" has to start the two hexadecimal digits of a byte, and the bytes have to be UTF-8.',
    );
  return error;
}
