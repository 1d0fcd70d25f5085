import { type AnyContract, type JsonSchema, schemaComponents } from "../../index.ts";
import { type GatewayRoute, routesOf } from "../routes.ts";
import { type Operation, operationOf } from "./operation.ts";

/** An OpenAPI 3.1 document, as far as the gateway writes one. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly servers?: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

export interface OpenApiOptions {
  /** @default "API" */
  readonly title?: string | undefined;
  /** @default "0.0.0" */
  readonly version?: string | undefined;
  /** What all paths start with. */
  readonly prefix?: string | undefined;
  /** The name of the session cookie, where there is one. */
  readonly sessionCookie?: string | undefined;
  /** Whether a session may stand in for a token. */
  readonly sessionIdentifies?: boolean | undefined;
}

/**
 * Describes what the contracts offer over HTTP. Fields whose validator has no JSON Schema are named and not described.
 * @throws TypeError as `gateway` does
 */
export function openApi(contracts: readonly AnyContract[], options: OpenApiOptions = {}): OpenApiDocument {
  return describeRoutes(routesOf(contracts), options);
}

/** The same for routes that are known already. */
export function describeRoutes(routes: readonly GatewayRoute[], options: OpenApiOptions): OpenApiDocument {
  const { title = "API", version = "0.0.0", prefix = "", sessionCookie, sessionIdentifies = false } = options;
  const named = schemaComponents();
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([A-Za-z0-9_]+)/g, "{$1}");
    paths[path] = {
      ...paths[path],
      [route.verb.toLowerCase()]: operationOf(route, named, sessionIdentifies),
    };
  }
  const services = [...new Set(routes.map(({ method }) => method.service))];
  return {
    openapi: "3.1.0",
    info: { title, version },
    ...(prefix === "" ? {} : { servers: [{ url: prefix }] }),
    tags: services.map((name) => ({ name })),
    paths,
    components: {
      schemas: { Problem: problemSchema, ...named.schemas },
      securitySchemes: {
        token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        ...(sessionCookie === undefined
          ? {}
          : { session: { type: "apiKey", in: "cookie", name: sessionCookie } }),
      },
    },
  };
}

const problemSchema: JsonSchema = {
  type: "object",
  description: "What went wrong (RFC 9457).",
  required: ["type", "title", "status", "detail", "instance", "code"],
  properties: {
    type: { type: "string", description: "The same for the same kind of problem." },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string", description: "Finds this request in the log." },
    code: { type: "string" },
    data: { description: "What the fault comes with." },
    issues: {
      type: "array",
      description: "Which fields were refused, and why.",
      items: {
        type: "object",
        required: ["path", "message"],
        properties: { path: { type: "string" }, message: { type: "string" } },
      },
    },
    errorId: { type: "string", description: "Finds the details of an internal error in the log." },
  },
};
