import { type JsonSchema, resolvedSchema } from "../index.ts";

/**
 * Turns text from a path, query, header, cookie or form into what the schema asks for, and only where the text is
 * exactly that: `"12"` → 12 and `"true"` → true, but `"12px"`, `""` and `"yes"` stay as they are, for the validator to refuse.
 * One value where an array is asked for becomes an array of one. Without a schema nothing changes.
 */
export function coerced(
  value: unknown,
  schema: JsonSchema | undefined,
  root: JsonSchema | undefined,
): unknown {
  if (schema === undefined || root === undefined) return value;
  const target = resolvedSchema(schema, root);
  const options = target.anyOf ?? target.oneOf;
  if (options !== undefined) return firstFit(value, options, root);
  if (wants(target, "array")) {
    const items = typeof target.items === "object" ? target.items : undefined;
    if (Array.isArray(value)) return value.map((item) => coerced(item, items, root));
    return typeof value === "string" && !wants(target, "string") ? [coerced(value, items, root)] : value;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return coercedFields(value, target, root);
  return typeof value === "string" ? ofText(value, target) : value;
}

/** Each field of an object by the schema of that field. */
function coercedFields(value: object, schema: JsonSchema, root: JsonSchema): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, coerced(item, fieldSchema(schema, key, root), root)]),
  );
}

/** The schema of one field of an object. */
export function fieldSchema(
  schema: JsonSchema | undefined,
  key: string,
  root: JsonSchema | undefined,
): JsonSchema | undefined {
  if (schema === undefined || root === undefined) return undefined;
  const target = resolvedSchema(schema, root);
  if (target.properties !== undefined && Object.hasOwn(target.properties, key)) return target.properties[key];
  for (const part of [...(target.allOf ?? []), ...(target.anyOf ?? []), ...(target.oneOf ?? [])]) {
    const found = fieldSchema(part, key, root);
    if (found !== undefined) return found;
  }
  return typeof target.additionalProperties === "object" ? target.additionalProperties : undefined;
}

function firstFit(value: unknown, options: readonly JsonSchema[], root: JsonSchema): unknown {
  const targets = options.map((option) => resolvedSchema(option, root));
  // Text that may stay text does: nobody can tell whether "12" was meant as a number.
  if (typeof value === "string" && targets.some((target) => takesText(target, value))) return value;
  for (const target of targets) {
    const result = coerced(value, target, root);
    if (result !== value) return result;
  }
  return value;
}

function takesText(target: JsonSchema, text: string): boolean {
  if (target.const !== undefined) return target.const === text;
  if (target.enum !== undefined) return target.enum.includes(text);
  return wants(target, "string");
}

function ofText(text: string, target: JsonSchema): unknown {
  if (takesText(target, text)) return text;
  const literals = target.enum ?? (target.const === undefined ? undefined : [target.const]);
  if (literals !== undefined)
    return literals.find((literal) => typeof literal !== "string" && String(literal) === text) ?? text;
  const number = wants(target, "number") || wants(target, "integer") ? numberOf(text) : undefined;
  if (number !== undefined) return number;
  if (wants(target, "boolean") && (text === "true" || text === "false")) return text === "true";
  return text;
}

/** A number as JSON writes it, and none whose digits would be lost. */
function numberOf(text: string): number | undefined {
  if (text.length > 32 || !/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number)) return undefined;
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? undefined : number;
}

function wants(target: JsonSchema, type: string): boolean {
  return typeof target.type === "string" ? target.type === type : (target.type?.includes(type) ?? false);
}
