import formbody from "@fastify/formbody";
import type { FastifyInstance } from "fastify";
import secureJsonParse from "secure-json-parse";
import { json } from "../index.ts";
import { edgeFault } from "./edge-fault.ts";

/**
 * Takes JSON and forms, and nothing else. An empty body is no body, whatever its type. Only within `instance`: what
 * surrounds it keeps its own parsers.
 */
export async function takeBodies(instance: FastifyInstance): Promise<void> {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser(
    // Fastify compares it with the whole header, parameters such as `charset` included.
    /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i,
    { parseAs: "buffer" },
    (_request, bytes, done) => {
      try {
        done(null, parse(bytes as Buffer));
      } catch (error) {
        done(error as Error);
      }
    },
  );
  await instance.register(formbody);
  instance.addContentTypeParser("*", (request, payload, done) => {
    if (request.headers["content-length"] === "0") return done(null, undefined);
    payload.resume();
    done(
      edgeFault(
        "UNSUPPORTED_MEDIA_TYPE",
        "Send JSON (application/json) or a form (application/x-www-form-urlencoded).",
      ),
    );
  });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @throws Fault BAD_REQUEST for bytes that are not UTF-8, text that is not JSON, and keys that could change an object's prototype */
function parse(bytes: Buffer): unknown {
  try {
    utf8.decode(bytes);
  } catch (cause) {
    throw badJson("it is not UTF-8", cause);
  }
  try {
    return json.decode(bytes);
  } catch (cause) {
    if (cause instanceof Error && /forbidden prototype/i.test(cause.message)) throw refusedKey(bytes, cause);
    // The parser's own words quote the body, which may hold a password.
    throw badJson("it cannot be parsed", cause);
  }
}

/** Says which of the two keys it was: whoever sent it has to find it. */
function refusedKey(bytes: Buffer, cause: unknown): Error {
  let key = 'a key "__proto__"';
  try {
    secureJsonParse.parse(bytes.toString("utf8"), undefined, { protoAction: "ignore" });
  } catch {
    key = 'a key "constructor" that holds "prototype"';
  }
  return badRequest(`The body has ${key}. That is refused wherever it stands: leave it out.`, cause);
}

function badJson(why: string, cause: unknown): Error {
  return badRequest(`The body is not valid JSON: ${why}.`, cause);
}

function badRequest(message: string, cause: unknown): Error {
  const fault = edgeFault("BAD_REQUEST", message);
  fault.cause = cause;
  return fault;
}
