import type { FastifyRequest } from "fastify";
import { Fault } from "../index.ts";
import { coerced, fieldSchema } from "./coerce.ts";
import { edgeFault } from "./edge-fault.ts";
import { claimedFields, type GatewayRoute } from "./routes.ts";

export type ReadInput = (request: FastifyRequest, session: unknown) => unknown;

/**
 * Makes the one input of a method out of what a request carries: path over query over body, and fields of headers,
 * cookies and the session from there alone. Whether it fits the contract is decided by the call.
 * @throws Fault BAD_REQUEST for a name that could change an object's prototype, INVALID_INPUT where a body that is not made of
 * fields meets fields from elsewhere (the function returned does)
 */
export function inputReader({ binding, input: schema, method }: GatewayRoute): ReadInput {
  if (method.spec.input === undefined) return () => undefined;
  const claimed = new Set(claimedFields(binding));
  const headers = Object.entries(binding.headers ?? {}).map(
    ([field, name]) => [field, name.toLowerCase()] as const,
  );
  const cookies = Object.entries(binding.cookies ?? {});
  const text = (field: string, value: unknown): unknown =>
    coerced(value, fieldSchema(schema, field, schema), schema);

  return (request, session) => {
    const fields = new Map<string, unknown>();
    const take = (source: object, read: (field: string, value: unknown) => unknown): void => {
      for (const [field, value] of Object.entries(source)) {
        refusePrototype(field);
        if (!claimed.has(field)) fields.set(field, read(field, value));
      }
    };
    const { body } = request;
    const form = request.mediaType === "application/x-www-form-urlencoded";
    let lone: { readonly value: unknown } | undefined;
    if (body !== undefined && binding.body !== undefined)
      fields.set(binding.body, form ? text(binding.body, body) : body);
    else if (isRecord(body)) take(body, form ? text : asIs);
    else if (body !== undefined) lone = { value: body };
    take(request.query as object, text);
    take(request.params as object, text);
    for (const [field, name] of headers)
      if (Object.hasOwn(request.headers, name)) fields.set(field, text(field, request.headers[name]));
    for (const [field, name] of cookies)
      if (Object.hasOwn(request.cookies, name)) fields.set(field, text(field, request.cookies[name]));
    if (binding.session !== undefined && session !== undefined) fields.set(binding.session, session);
    if (lone === undefined) return Object.fromEntries(fields);
    // An input that is an array, say, is the whole body. The validator decides whether it may be.
    if (fields.size === 0) return lone.value;
    throw notFields();
  };
}

function asIs(_field: string, value: unknown): unknown {
  return value;
}

function refusePrototype(field: string): void {
  if (field === "__proto__") throw edgeFault("BAD_REQUEST", 'A field cannot be called "__proto__".');
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notFields(): Fault {
  const issues = [{ path: "", message: "the body must be an object of fields" }];
  return new Fault(
    "INVALID_INPUT",
    { issues },
    { message: "The input is not valid: the body must be an object of fields" },
  );
}
