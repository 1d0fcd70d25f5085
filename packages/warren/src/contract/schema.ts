import { Fault } from "../fault.ts";

/**
 * Any validator that follows Standard Schema v1 (https://standardschema.dev): zod, valibot, arktype and others.
 * `I` is what a sender may pass, `O` what the receiver gets. What travels is `O`, so a schema used in a contract
 * must accept its own output: defaults, trims and coercions do, one-way transforms do not.
 */
export interface Schema<I = unknown, O = I> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown, options?: any) => Result<O> | Promise<Result<O>>;
    readonly types?: { readonly input: I; readonly output: O } | undefined;
  };
}

type Result<O> =
  | { readonly value: O; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a sender may pass where `S` is declared; `void` where nothing is. */
export type In<S> = S extends Schema<infer I, any> ? I : void;

/** What a receiver gets where `S` is declared; `void` where nothing is. */
export type Out<S> = S extends Schema<any, infer O> ? O : void;

/** One reason why a value was refused; `path` is dotted (`items.0.sku`), empty for the value as a whole. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Codes of the faults that a refused value can become. */
export type InvalidCode = "INVALID_INPUT" | "INVALID_OUTPUT" | "INVALID_EVENT" | "BAD_REPLY";

/**
 * Validates `value` and returns what the schema makes of it. Synchronous unless the schema itself is asynchronous.
 * @throws Fault `code`, with `data.issues` naming each field; `what` says in the message what was refused.
 */
export function validated(
  schema: Schema<any, any>,
  value: unknown,
  code: InvalidCode,
  what: string,
): unknown | Promise<unknown> {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) return result.then((settled) => accept(settled, code, what));
  return accept(result, code, what);
}

function accept(result: Result<unknown>, code: InvalidCode, what: string): unknown {
  if (result.issues === undefined) return result.value;
  throw invalid(code, what, result.issues.slice(0, maxIssues).map(plain));
}

/** The fault for a refused value: every named field is in the message, so that a log line alone is enough. */
export function invalid(code: InvalidCode, what: string, issues: readonly Issue[]): Fault {
  const fields = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return new Fault(code, { issues }, { message: `${what} is not valid: ${fields.join("; ")}` });
}

/** A hostile input can be wrong in a million places; nobody reads more than these. */
const maxIssues = 20;

function plain(issue: SchemaIssue): Issue {
  const keys = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part));
  return { path: keys.map(String).join("."), message: issue.message };
}
