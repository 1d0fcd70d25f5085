import type { Schema } from "../index.ts";

/** As much of JSON Schema (2020-12) as the gateway looks at; the rest passes through. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
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

interface Convertible {
  readonly jsonSchema?: { readonly [S in Side]?: (options: object) => Record<string, unknown> };
}

/**
 * A schema as JSON Schema, where its validator offers that (Standard JSON Schema: zod and arktype do, valibot within
 * `toStandardJsonSchema` of @valibot/to-json-schema); else `undefined`.
 */
export function jsonSchemaOf(schema: Schema<any, any> | undefined, side: Side): JsonSchema | undefined {
  const convert = (schema?.["~standard"] as Convertible | undefined)?.jsonSchema?.[side];
  if (convert === undefined) return undefined;
  try {
    return convert({ target: "draft-2020-12", libraryOptions: lenient }) as JsonSchema;
  } catch {
    // A type that JSON Schema has no words for (a transform, a symbol) is validated all the same, and only goes undescribed.
    return undefined;
  }
}

/** One field that cannot be described shall not keep the others from being so: zod's option and arktype's. */
const lenient = { unrepresentable: "any", fallback: (problem: { readonly base: unknown }) => problem.base };

/** Follows `$ref`s within `root`, a bounded number of them. */
export function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let at = schema;
  for (let hops = 0; at.$ref !== undefined && hops < 16; hops++) {
    const name = /^#\/\$defs\/([^/]+)$/.exec(at.$ref)?.[1];
    const target =
      at.$ref === "#" ? root : name === undefined ? undefined : root.$defs?.[decodeURIComponent(name)];
    if (target === undefined) return {};
    at = target;
  }
  return at;
}
