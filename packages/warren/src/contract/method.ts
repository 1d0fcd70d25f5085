import type { HttpBinding } from "./http.ts";
import type { In, Out, Schema } from "./schema.ts";

/** A declared error: the schema of its data, or that with more to say. */
export type ErrorSpec = Schema<any, any> | ErrorDetails;

export interface ErrorDetails {
  readonly data?: Schema<any, any>;
  /** The HTTP status the gateway answers with. @default 422 */
  readonly status?: number;
  /** What people read: `"Item not found"`. @default the method and the code */
  readonly message?: string;
}

/** A declared error as its details, whichever way it was declared. */
export function errorDetails(spec: ErrorSpec): ErrorDetails {
  return "~standard" in spec ? { data: spec } : spec;
}

export type ErrorSpecs = Readonly<Record<string, ErrorSpec>>;

type ErrorSchema<E> = E extends Schema<any, any> ? E : E extends { readonly data: infer S } ? S : undefined;
/** What a handler passes with a declared error. */
export type ErrorIn<E> = In<ErrorSchema<E>>;
/** What a caller finds in `fault.data` of a declared error. */
export type ErrorOut<E> = Out<ErrorSchema<E>>;

/** Who may call: nobody in particular, anybody who is known, or those whose principal has all these scopes. */
export type Access = "anyone" | "authenticated" | { readonly scopes: readonly string[] };

/** What is declared of a method. `input` and `output` may be left out: the method then takes or gives nothing. */
export interface MethodDeclaration<I, O, E, A extends Access = Access> {
  readonly http?: HttpBinding;
  readonly input?: I;
  readonly output?: O;
  readonly errors?: E;
  /** How long a caller waits by default, in milliseconds. @default 10_000 */
  readonly timeoutMs?: number;
  /** Running it twice does no harm: another instance takes over when one dies midway. @default false */
  readonly idempotent?: boolean;
  /** Checked at the gateway and again in the service. @default "anyone" */
  readonly access?: A;
  /** One line for the documents. */
  readonly summary?: string;
}

/** Any declared method. Not generic: as a constraint, a generic one would make `rpc` infer `any` where nothing is declared. */
export interface AnyMethodSpec {
  readonly kind: "rpc";
}

/** A declared method before it has a name. Made by `rpc`, named by `contract`. */
export interface MethodSpec<I = any, O = any, E = any, A extends Access = Access>
  extends AnyMethodSpec,
    MethodDeclaration<I, O, E, A> {
  /** Types only; absent at run time. Inferring them from the optional fields would turn "none" into `unknown`. */
  readonly "~types"?: readonly [input: I, output: O, errors: E, access: A];
}

/** Declares a method: request and reply, always with a deadline. */
export function rpc<
  I extends Schema<any, any> | undefined = undefined,
  O extends Schema<any, any> | undefined = undefined,
  E extends ErrorSpecs = {},
  A extends Access = "anyone",
>(declaration: MethodDeclaration<I, O, E, A> = {}): MethodSpec<I, O, E, A> {
  return { kind: "rpc", ...declaration };
}

/** A named method of a contract, a plain value: what clients, handlers, routes and documents are derived from. */
export interface Method<N extends string = string, I = any, O = any, E = any, A = any> {
  readonly kind: "method";
  /** `<service>.<method>`, also the `type` of its messages. */
  readonly id: N;
  readonly service: string;
  readonly name: string;
  readonly spec: MethodSpec;
  /** Types only; absent at run time. */
  readonly "~types"?: { readonly in: I; readonly out: O; readonly errors: E; readonly access: A };
}

export const defaultTimeoutMs = 10_000;
