import type { JsonSchema } from "../json-schema.ts";

/** The schemas of a document that have names, so that others can refer to them. */
export interface Components {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  /**
   * Makes the parts of a contract's schema usable anywhere in the document: what it defines for itself becomes a component
   * named after `owner`, and its references lead there.
   */
  readonly adopt: (owner: string, root: JsonSchema) => (part: JsonSchema) => JsonSchema;
}

export function components(): Components {
  const schemas: Record<string, JsonSchema> = {};
  return {
    schemas,
    adopt(owner, root) {
      const named = (name: string): string => `${owner}.${name}`.replaceAll(/[^\w.-]/g, "_");
      const place = (reference: string): string => {
        const name = /^#\/\$defs\/([^/]+)$/.exec(reference)?.[1];
        if (name !== undefined) return `#/components/schemas/${named(decodeURIComponent(name))}`;
        return reference === "#" ? `#/components/schemas/${named("self")}` : reference;
      };
      const move = (part: unknown): unknown => moved(part, place);
      for (const [name, part] of Object.entries(root.$defs ?? {}))
        schemas[named(name)] ??= move(part) as JsonSchema;
      if (JSON.stringify(root).includes('"$ref":"#"')) schemas[named("self")] ??= move(root) as JsonSchema;
      return (part) => move(part) as JsonSchema;
    },
  };
}

/** A copy without what only makes sense at the top of a schema of its own. */
function moved(part: unknown, place: (reference: string) => string): unknown {
  if (Array.isArray(part)) return part.map((item) => moved(item, place));
  if (typeof part !== "object" || part === null) return part;
  const entries = Object.entries(part).filter(
    ([key, value]) => key !== "$schema" && key !== "$defs" && !isAnyInteger(key, value),
  );
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      key === "$ref" && typeof value === "string" ? place(value) : moved(value, place),
    ]),
  );
}

/** The bounds of what JavaScript can count to say nothing about the field. */
function isAnyInteger(key: string, value: unknown): boolean {
  return (
    (key === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
    (key === "maximum" && value === Number.MAX_SAFE_INTEGER)
  );
}
