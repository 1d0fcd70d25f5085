import { jsonText } from "../index.ts";

/** What became of a template: text, or the reason why there is none. */
export type Filled = { readonly text: string } | "undefined" | "null";

/** Fills a template from a method's output. */
export type Template = (output: unknown) => Filled;

/**
 * `{field}` stands for that field of the output. Where one is `undefined` or `null`, so is the whole.
 * `encode` is applied to each field that stands among other text; a field alone stays what it is.
 */
export function template(source: string, encode: (value: string) => string = (value) => value): Template {
  const parts = source.split(/\{([A-Za-z_$][\w$]*)\}/);
  const alone = parts.length === 3 && parts[0] === "" && parts[2] === "";
  return (output) => {
    let text = "";
    for (const [index, part] of parts.entries()) {
      if (index % 2 === 0) {
        text += part;
        continue;
      }
      const value = fieldOf(output, part);
      if (value === undefined || value === null) return value === null ? "null" : "undefined";
      const written =
        typeof value === "object" ? jsonText(value)! : String(value as string | number | boolean | bigint);
      text += alone ? written : encode(written);
    }
    return { text };
  };
}

/** A field of a value of which nothing is known, never one that every object has. */
export function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, field)
    ? (value as Readonly<Record<string, unknown>>)[field]
    : undefined;
}

/**
 * A value fit for a response header: whatever is no visible ASCII is percent-encoded, line breaks above all, which would start
 * a header of somebody else's making.
 */
export function headerSafe(value: string): string {
  return value.toWellFormed().replaceAll(/[^\x20-\x7e\t]+/g, (unsafe) => encodeURIComponent(unsafe));
}
