import type { Schema } from "./schema.ts";

/** As much of JSON Schema as Warren looks at; the rest passes through. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  /** What `$defs` was called before draft 2019-09. */
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly [keyword: string]: unknown;
}

type Side = "input" | "output";

/** The dialect: OpenAPI 3.1 takes the one, AsyncAPI 3.0 the other. */
export type JsonSchemaDialect = "draft-2020-12" | "draft-07";

interface Convertible {
  readonly jsonSchema?: { readonly [S in Side]?: (options: object) => Record<string, unknown> };
}

/**
 * A schema as JSON Schema, where its validator offers that (Standard JSON Schema: zod and arktype do, valibot within
 * `toStandardJsonSchema` of @valibot/to-json-schema); else `undefined`.
 */
export function jsonSchemaOf(
  schema: Schema<any, any> | undefined,
  side: Side,
  target: JsonSchemaDialect = "draft-2020-12",
): JsonSchema | undefined {
  const convert = (schema?.["~standard"] as Convertible | undefined)?.jsonSchema?.[side];
  if (convert === undefined) return undefined;
  try {
    return convert({ target, libraryOptions: lenient }) as JsonSchema;
  } catch {
    // A type that JSON Schema has no words for (a transform, a symbol) is validated all the same, and only goes undescribed.
    return undefined;
  }
}

/** One field that cannot be described shall not keep the others from being so: zod's option and arktype's. */
const lenient = { unrepresentable: "any", fallback: (problem: { readonly base: unknown }) => problem.base };

/** Follows `$ref`s within `root`, a bounded number of them. */
export function resolvedSchema(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let at = schema;
  for (let hops = 0; at.$ref !== undefined && hops < 16; hops++) {
    const name = definitionName(at.$ref, root);
    const target = at.$ref === "#" ? root : name === undefined ? undefined : definitionsOf(root)[name];
    if (target === undefined) return {};
    at = target;
  }
  return at;
}

/** The schemas that `root` defines for itself. */
export function definitionsOf(root: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return { ...root.definitions, ...root.$defs };
}

/** Which of `root`'s definitions a reference leads to. Validators differ in how they write odd names. */
export function definitionName(reference: string, root: JsonSchema): string | undefined {
  const written = /^#\/(?:\$defs|definitions)\/(.+)$/.exec(reference)?.[1];
  if (written === undefined) return undefined;
  const definitions = definitionsOf(root);
  const readings = [written, unescaped(written), unescaped(decoded(written))];
  return readings.find((name) => Object.hasOwn(definitions, name));
}

/** A part of a JSON pointer. */
function unescaped(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
