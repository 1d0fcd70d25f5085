import { STATUS_CODES } from "node:http";
import {
  type ErrorSpec,
  errorDetails,
  type JsonSchema,
  jsonSchemaOf,
  type Method,
  resolvedSchema,
  type SchemaComponents,
} from "../../index.ts";
import { fieldSchema } from "../coerce.ts";
import { keyParameter, takesKey } from "../idempotency-key.ts";
import { declaredStatus } from "../problem.ts";
import { claimedFields, type GatewayRoute } from "../routes.ts";

/** What OpenAPI calls an operation: one verb of one path. */
export interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header" | "cookie";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

interface Response {
  readonly description: string;
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

export function operationOf(
  route: GatewayRoute,
  named: SchemaComponents,
  sessionIdentifies: boolean,
): Operation {
  const { method } = route;
  const { summary, access = "anyone" } = method.spec;
  const { parameters = [], ...input } = inputParts(route, named);
  const all = takesKey(route) ? [...parameters, keyParameter] : parameters;
  const scopes = typeof access === "object" ? access.scopes : [];
  const security: Operation["security"] = [
    { token: scopes },
    ...(sessionIdentifies ? [{ session: scopes }] : []),
  ];
  return {
    operationId: method.id,
    ...(summary === undefined ? {} : { summary }),
    tags: [method.service],
    ...(all.length === 0 ? {} : { parameters: all }),
    ...input,
    responses: responsesOf(route, named),
    ...(access === "anyone" ? {} : { security }),
  };
}

/** Where each field of the input comes from. A verb that has no body takes all that is left from the query. */
function inputParts(
  route: GatewayRoute,
  named: SchemaComponents,
): Pick<Operation, "parameters" | "requestBody"> {
  const { binding, params, verb, method } = route;
  if (method.spec.input === undefined) return {};
  const root = route.input ?? {};
  const adopt = named.adopt(`${method.id}.input`, root);
  const required = new Set(root.required ?? []);
  const schemaOf = (field: string): JsonSchema => adopt(fieldSchema(root, field, root) ?? {});
  const parameter = (name: string, where: Parameter["in"], field = name): Parameter => {
    return { name, in: where, required: where === "path" || required.has(field), schema: schemaOf(field) };
  };
  const claimed = new Set([...params, ...claimedFields(binding)]);
  const rest = Object.keys(resolvedSchema(root, root).properties ?? {}).filter(
    (field) => !claimed.has(field),
  );
  const bodyless = verb === "GET" || verb === "DELETE";
  const parameters = [
    ...params.map((field) => parameter(field, "path")),
    ...Object.entries(binding.headers ?? {}).map(([field, name]) => parameter(name, "header", field)),
    ...Object.entries(binding.cookies ?? {}).map(([field, name]) => parameter(name, "cookie", field)),
    ...(bodyless && binding.body === undefined ? rest.map((field) => parameter(field, "query")) : []),
  ];
  const body = bodySchema();
  return {
    parameters,
    ...(body === undefined ? {} : { requestBody: body }),
  };

  function bodySchema(): Operation["requestBody"] {
    if (binding.body !== undefined)
      return {
        required: required.has(binding.body),
        content: { "application/json": { schema: schemaOf(binding.body) } },
      };
    if (bodyless) return undefined;
    // An input that is not made of fields, or not described, is the body as a whole.
    const whole = resolvedSchema(root, root).properties === undefined && claimed.size === 0;
    if (!whole && rest.length === 0) return undefined;
    const needed = rest.filter((field) => required.has(field));
    const schema: JsonSchema = whole
      ? adopt(root)
      : {
          type: "object",
          properties: Object.fromEntries(rest.map((field) => [field, schemaOf(field)])),
          ...(needed.length === 0 ? {} : { required: needed }),
        };
    const content = {
      "application/json": { schema },
      ...(whole ? {} : { "application/x-www-form-urlencoded": { schema } }),
    };
    return { required: whole || needed.length > 0, content };
  }
}

function responsesOf(route: GatewayRoute, named: SchemaComponents): Operation["responses"] {
  const { method, binding } = route;
  const { access = "anyone", input } = method.spec;
  const problems = new Map<number, { readonly codes: string[]; readonly schemas: JsonSchema[] }>();
  const note = (status: number, code: string, schema?: JsonSchema): void => {
    const known = problems.get(status) ?? { codes: [], schemas: [] };
    known.codes.push(code);
    if (schema !== undefined) known.schemas.push(schema);
    problems.set(status, known);
  };
  for (const [code, spec] of Object.entries((method.spec.errors ?? {}) as Record<string, ErrorSpec>))
    note(declaredStatus(method, code)!, code, faultSchema(method, code, spec, named));
  if (input !== undefined) note(binding.invalidStatus ?? 422, "INVALID_INPUT");
  if (access !== "anyone") note(401, "UNAUTHENTICATED");
  if (typeof access === "object") note(403, "FORBIDDEN");
  const entries = [...problems].map(
    ([status, { codes, schemas }]) => [String(status), problemResponse(codes.join(", "), schemas)] as const,
  );
  return {
    ...success(route, named),
    ...Object.fromEntries(entries),
    default: problemResponse("Anything else that can go wrong", []),
  };
}

function success(
  { method, binding: { reply = {} } }: GatewayRoute,
  named: SchemaComponents,
): Operation["responses"] {
  const root =
    method.spec.output === undefined ? undefined : (jsonSchemaOf(method.spec.output, "output") ?? {});
  const schema = root && (reply.body === undefined ? root : (fieldSchema(root, reply.body, root) ?? {}));
  const chosen = typeof reply.status === "string";
  const status = chosen ? "2XX" : String(reply.status ?? (schema === undefined ? 204 : 200));
  const type = reply.headers?.["content-type"] ?? "application/json";
  const names = Object.keys(reply.headers ?? {}).filter((name) => name.toLowerCase() !== "content-type");
  return {
    [status]: {
      description: chosen ? "Done" : (STATUS_CODES[Number(status)] ?? "Done"),
      ...(names.length === 0
        ? {}
        : { headers: Object.fromEntries(names.map((name) => [name, { schema: { type: "string" } }])) }),
      ...(root === undefined || schema === undefined
        ? {}
        : { content: { [type]: { schema: named.adopt(`${method.id}.output`, root)(schema) } } }),
    },
  };
}

function faultSchema(method: Method, code: string, spec: ErrorSpec, named: SchemaComponents): JsonSchema {
  const data = jsonSchemaOf(errorDetails(spec).data, "output");
  const described = data && named.adopt(`${method.id}.${code}`, data)(data);
  return { properties: { code: { const: code }, ...(described === undefined ? {} : { data: described }) } };
}

function problemResponse(description: string, schemas: readonly JsonSchema[]): Response {
  const base: JsonSchema = { $ref: "#/components/schemas/Problem" };
  const one = schemas.length === 1 ? schemas[0]! : { anyOf: schemas };
  const schema = schemas.length === 0 ? base : { allOf: [base, one] };
  return { description, content: { "application/problem+json": { schema } } };
}
