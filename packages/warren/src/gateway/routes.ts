import {
  type AnyContract,
  type HttpRoute,
  type JsonSchema,
  jsonSchemaOf,
  type Method,
  methodsOf,
} from "../index.ts";

/** A method that can be reached over HTTP, and how. */
export interface GatewayRoute {
  readonly verb: string;
  /** `/market/items/:id` */
  readonly path: string;
  /** The fields that are in the path. */
  readonly params: readonly string[];
  readonly binding: HttpRoute;
  readonly method: Method;
  /** What the input looks like, as far as its validator tells. */
  readonly input: JsonSchema | undefined;
}

/**
 * The routes of some contracts.
 * @throws TypeError where a route cannot be understood, names a field that the input does not have, or exists twice
 */
export function routesOf(contracts: readonly AnyContract[]): readonly GatewayRoute[] {
  const byShape = new Map<string, GatewayRoute>();
  for (const method of contracts.flatMap(methodsOf)) {
    if (method.spec.http === undefined) continue;
    const route = routeOf(
      method,
      typeof method.spec.http === "string" ? { route: method.spec.http } : method.spec.http,
    );
    const shape = `${route.verb} ${route.path.replaceAll(/:[^/]+/g, ":")}`;
    const other = byShape.get(shape);
    if (other !== undefined)
      throw new TypeError(
        `${other.method.id} and ${method.id} have the same route, ${route.verb} ${route.path}: change one of them.`,
      );
    byShape.set(shape, route);
  }
  return [...byShape.values()];
}

function routeOf(method: Method, binding: HttpRoute): GatewayRoute {
  const [verb = "", path = ""] = binding.route.split(" ", 2);
  const wrong = (why: string): TypeError =>
    new TypeError(`${method.id} has the route "${binding.route}": ${why}.`);
  if (!/^(GET|POST|PUT|PATCH|DELETE)$/.test(verb))
    throw wrong("the verb is one of GET, POST, PUT, PATCH and DELETE");
  const segments = path.split("/").slice(1);
  if (!path.startsWith("/") || (path !== "/" && !segments.every((segment) => segmentPattern.test(segment))))
    throw wrong('a path is made of "/word" and "/:field"');
  const params = segments.filter((segment) => segment.startsWith(":")).map((segment) => segment.slice(1));
  const input = jsonSchemaOf(method.spec.input, "input");
  const elsewhere = claimedFields(binding);
  if (new Set([...params, ...elsewhere]).size < params.length + elsewhere.length)
    throw wrong("a field of the input is named more than once");
  for (const field of [...params, ...elsewhere])
    if (method.spec.input === undefined || (input !== undefined && lacks(input, field)))
      throw wrong(`the input has no field "${field}"`);
  return { verb, path, params, binding, method, input };
}

const segmentPattern = /^(:[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9._~-]+)$/;

/** Fields that come from one place only, so that nobody can say them in the query or the body. */
export function claimedFields(binding: HttpRoute): readonly string[] {
  const single = [binding.body, binding.session].filter((field) => field !== undefined);
  return [...Object.keys(binding.headers ?? {}), ...Object.keys(binding.cookies ?? {}), ...single];
}

function lacks(schema: JsonSchema, field: string): boolean {
  const plain = schema.type === "object" && schema.properties !== undefined;
  const open = typeof schema.additionalProperties === "object" || schema.additionalProperties === true;
  const combined = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? schema.$ref;
  return plain && !open && combined === undefined && !Object.hasOwn(schema.properties ?? {}, field);
}
