import type { FastifyRequest } from "fastify";
import { edgeFault } from "./edge-fault.ts";
import type { GatewayRoute } from "./routes.ts";

/** As OpenAPI describes it. */
export const keyParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Makes the request safe to repeat: one with the same key and content is carried out once, and answered the same each time. A random text, such as a UUID in quotes.",
  schema: { type: "string", minLength: 1, maxLength: 202 },
} as const;

/**
 * Whether a key is read from requests of this route. What only reads needs none; and where the contract takes the
 * header for a field of the input, it is that field and nothing else.
 */
export function takesKey({ verb, binding }: GatewayRoute): boolean {
  return (
    verb !== "GET" && !Object.values(binding.headers ?? {}).some((name) => name.toLowerCase() === header)
  );
}

/**
 * The key in the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07, section 2): a string in
 * quotes, or the same without them, as many clients send it.
 * @throws Fault BAD_REQUEST for one that is neither, is too long, or is there twice
 */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const value = request.headers[header];
  if (value === undefined) return undefined;
  const text = String(value).trim();
  const key = quoted.test(text)
    ? text.slice(1, -1).replaceAll(/\\(["\\])/g, "$1")
    : bare.test(text)
      ? text
      : "";
  if (key.length >= 1 && key.length <= maxLength) return key;
  throw edgeFault(
    "BAD_REQUEST",
    `Idempotency-Key has to be one string of 1 to ${maxLength} visible ASCII characters, best in quotes: "8e03978e-40d5-43e8-bc93-6894a57f9324".`,
  );
}

const header = "idempotency-key";
const maxLength = 200;
const quoted = /^"(?:[ !#-[\]-~]|\\["\\])*"$/;
/** Without what would separate it from a second one, or from parameters. */
const bare = /^[!#-+\--:<-[\]-~]+$/;
