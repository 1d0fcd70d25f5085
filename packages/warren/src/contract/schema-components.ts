import { definitionName, definitionsOf, type JsonSchema } from "./json-schema.ts";

/** The schemas of a document that have names, so that others can refer to them. */
export interface SchemaComponents {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  /**
   * Makes the parts of a contract's schema usable anywhere in the document: what it defines for itself becomes a component
   * named after `owner`, and its references lead there.
   */
  readonly adopt: (owner: string, root: JsonSchema) => (part: JsonSchema) => JsonSchema;
}

/** For a document that keeps its schemas under `#/components/schemas`, as OpenAPI and AsyncAPI do. */
export function schemaComponents(): SchemaComponents {
  const schemas: Record<string, JsonSchema> = {};
  return {
    schemas,
    adopt(owner, root) {
      const named = (name: string): string => `${owner}.${name}`.replaceAll(/[^\w.-]/g, "_");
      const place = (reference: string): string => {
        const name = reference === "#" ? "self" : definitionName(reference, root);
        return name === undefined ? reference : `#/components/schemas/${named(name)}`;
      };
      for (const [name, part] of Object.entries(definitionsOf(root)))
        schemas[named(name)] ??= moved(part, place) as JsonSchema;
      if (JSON.stringify(root).includes('"$ref":"#"'))
        schemas[named("self")] ??= moved(root, place) as JsonSchema;
      return (part) => moved(part, place) as JsonSchema;
    },
  };
}

/** A copy without what only makes sense at the top of a schema of its own. */
function moved(part: unknown, place: (reference: string) => string): unknown {
  if (Array.isArray(part)) return part.map((item) => moved(item, place));
  if (typeof part !== "object" || part === null) return part;
  return Object.fromEntries(
    Object.entries(part)
      .filter(([key, value]) => !topOnly.has(key) && !isAnyInteger(key, value))
      .map(([key, value]) => [key, movedKeyword(key, value, place)]),
  );
}

function movedKeyword(key: string, value: unknown, place: (reference: string) => string): unknown {
  if (key === "$ref" && typeof value === "string") return place(value);
  if (asData.has(key)) return value;
  if (byName.has(key) && typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, moved(schema, place)]));
  return moved(value, place);
}

const topOnly = new Set(["$schema", "$defs", "definitions"]);
/** Keywords whose value is an example of the data, whatever it looks like. */
const asData = new Set(["const", "enum", "default", "examples"]);
/** Keywords that hold schemas by name: a field may be called like a keyword. */
const byName = new Set(["properties", "patternProperties", "dependentSchemas", "dependencies"]);

/** The bounds of what JavaScript can count to say nothing about the field. */
function isAnyInteger(key: string, value: unknown): boolean {
  return (
    (key === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
    (key === "maximum" && value === Number.MAX_SAFE_INTEGER)
  );
}
