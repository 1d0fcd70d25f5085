import { isSecretName, redacted } from "./secrets.ts";

/** How much of a value gets into a line. */
const maxDepth = 6;
const maxFields = 100;
const maxNameChars = 200;
const maxTextChars = 8_000;
/** What a line may hold in all, in characters, roughly; beyond it nothing more is looked at. */
const maxChars = 64_000;
/** What a value that is no text counts for. */
const valueChars = 8;

/** Makes a value fit for a line of the log: plain, bounded, without secrets, without cycles. Never throws. */
export type Tame = (data: object) => Record<string, unknown>;

/** What is true of one line while it is made. */
interface Walk {
  room: number;
  /** The objects that the one in hand is in. */
  readonly within: object[];
  /** The names of the fields that the one in hand is in; kept only where somebody asks for paths. */
  readonly path: string[];
}

/** @param secret further names of fields that are secrets, at any depth: `"iban"`, or `"card.number"` */
export function taming(secret: readonly string[]): Tame {
  const more = secret.map((path) => path.toLowerCase().split("."));

  function isNamedSecret(walk: Walk, name: string): boolean {
    if (isSecretName(name)) return true;
    if (more.length === 0) return false;
    const path = [...walk.path, name.toLowerCase()];
    return more.some((end) => end.every((part, at) => isPart(part, path[path.length - end.length + at])));
  }

  /** Where a field's name is itself a value. */
  function isNamed(name: unknown, walk: Walk): boolean {
    return typeof name === "string" && isNamedSecret(walk, name);
  }

  function plain(value: unknown, walk: Walk): unknown {
    walk.room -= valueChars;
    switch (typeof value) {
      case "string":
        return cut(value, maxTextChars, walk);
      case "bigint":
        return String(value);
      case "object":
        if (value === null) return null;
        if (walk.within.length >= maxDepth) return Array.isArray(value) ? "[an array]" : "[an object]";
        if (walk.within.includes(value)) return "[circular]";
        return objectOf(value, walk);
      case "symbol":
      case "function":
        return undefined;
      default:
        return value;
    }
  }

  function objectOf(value: object, walk: Walk): unknown {
    walk.within.push(value);
    try {
      if (Array.isArray(value)) return listOf(value, value.length, walk);
      if (value instanceof Error) return errorOf(value, walk);
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
      // A picture, or a key: nothing that anybody reads in a log.
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
      if (value instanceof Set) return listOf(value, value.size, walk);
      if (value instanceof Map || isHeaders(value)) return entriesOf(value, walk);
      if (value instanceof RegExp) return cut(String(value), maxTextChars, walk);
      const { toJSON } = value as { readonly toJSON?: unknown };
      return typeof toJSON === "function" ? plain(toJSON.call(value), walk) : fieldsOf(value, walk, {});
    } catch {
      return "[unreadable]";
    } finally {
      walk.within.pop();
    }
  }

  function fieldsOf(value: object, walk: Walk, into: Record<string, unknown>): Record<string, unknown> {
    let left = maxFields;
    const isNamedValue =
      "value" in value && (isNamed(ownOf(value, "name"), walk) || isNamed(ownOf(value, "key"), walk));
    for (const name of Object.keys(value)) {
      if (left-- === 0 || walk.room <= 0) {
        into["…"] = "[cut]";
        break;
      }
      // A getter may throw, and the others are worth to be told.
      try {
        if (isNamedValue && name === "value") into[name] = redacted;
        else put(into, name, (value as Record<string, unknown>)[name], walk);
      } catch {
        put(into, name, "[unreadable]", walk);
      }
    }
    return into;
  }

  function entriesOf(value: Iterable<[unknown, unknown]>, walk: Walk): Record<string, unknown> {
    const into: Record<string, unknown> = {};
    let left = maxFields;
    for (const [name, each] of value) {
      if (left-- === 0 || walk.room <= 0) break;
      put(into, typeof name === "object" ? "[an object]" : String(name), each, walk);
    }
    return into;
  }

  function put(into: Record<string, unknown>, name: string, value: unknown, walk: Walk): void {
    if (value === undefined || name === "__proto__" || name === "hasOwnProperty") return;
    const short = cut(name, maxNameChars, walk);
    // Whether there is one is no secret.
    if (value !== null && typeof value !== "boolean" && isNamedSecret(walk, name)) into[short] = redacted;
    // Names and values in turns.
    else if (name === "rawHeaders" && Array.isArray(value)) into[short] = `[${value.length} items]`;
    else if (more.length === 0) into[short] = plain(value, walk);
    else {
      walk.path.push(name.toLowerCase());
      into[short] = plain(value, walk);
      walk.path.pop();
    }
  }

  function listOf(value: Iterable<unknown>, length: number, walk: Walk): unknown[] {
    const items: unknown[] = [];
    // As entries of headers and of maps are written.
    const isPair = length === 2 && Array.isArray(value) && isNamed(value[0], walk);
    for (const item of value) {
      if (items.length >= maxFields || walk.room <= 0) {
        items.push(`[${length - items.length} more]`);
        break;
      }
      items.push(isPair && items.length === 1 ? redacted : (plain(item, walk) ?? null));
    }
    return items;
  }

  /** With what belongs to it: its code, the data of a fault, what an HTTP client has put there, and its causes. */
  function errorOf(error: Error, walk: Walk): unknown {
    const { message, stack, cause } = error;
    const told: Record<string, unknown> = { type: error.constructor?.name ?? error.name };
    put(told, "message", message, walk);
    put(told, "stack", stack, walk);
    if (cause !== undefined) put(told, "cause", cause, walk);
    if (error instanceof AggregateError) put(told, "errors", error.errors, walk);
    return fieldsOf(error, walk, told);
  }

  return (data) => {
    const walk: Walk = { room: maxChars, within: [], path: [] };
    const told = objectOf(data, walk);
    if (typeof told === "object" && told !== null && !Array.isArray(told))
      return data instanceof Error ? { err: told } : (told as Record<string, unknown>);
    return { data: told };
  };
}

/** By its tag: only to name the class would have Node.js load all of `fetch`. */
function isHeaders(value: object): value is Headers {
  return (value as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === "Headers";
}

/** A getter may throw. */
function ownOf(value: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function isPart(pattern: string, name: string | undefined): boolean {
  return name !== undefined && (pattern === "*" || pattern === name);
}

function cut(text: string, most: number, walk: Walk): string {
  const room = Math.min(most, Math.max(0, walk.room));
  walk.room -= text.length;
  return shortened(text, room);
}

const urlAtEnd = /:\/\/[^\s/@]{0,300}$/;

/** A text as long as one may be in a line. */
export function shortened(text: string, most: number = maxTextChars): string {
  if (text.length <= most) return text;
  // The user and the password of a URL are known by what comes behind them.
  return `${text.slice(0, most).replace(urlAtEnd, "://")}… [${text.length - most} more]`;
}
