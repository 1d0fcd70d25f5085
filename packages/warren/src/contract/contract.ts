import type { AnyMethodSpec, Method, MethodSpec } from "./method.ts";
import type { In, Out, Schema } from "./schema.ts";

/** A named event of a contract, a plain value. */
export interface Event<N extends string = string, I = any, O = any> {
  readonly kind: "event";
  /** `<service>.<event>`, also its routing key and CloudEvents type. */
  readonly id: N;
  readonly service: string;
  readonly name: string;
  readonly schema: Schema<any, any>;
  /** Types only; absent at run time. */
  readonly "~types"?: { readonly in: I; readonly out: O };
}

type Both<S> = { readonly in: In<S>; readonly out: Out<S> };

type MethodsOf<S extends string, M> = {
  readonly [K in keyof M & string]: M[K] extends {
    readonly "~types"?: readonly [infer I, infer O, infer E, infer A];
  }
    ? Method<`${S}.${K}`, Both<I>, Both<O>, E, A>
    : never;
};
type EventsOf<S extends string, V> = {
  readonly [K in keyof V & string]: Event<`${S}.${K}`, In<V[K]>, Out<V[K]>>;
};

/** What a service offers and announces: a plain value, safe to import anywhere, browsers included. */
export interface Contract<S extends string = string, M = any, V = any> {
  readonly kind: "contract";
  readonly name: S;
  readonly methods: MethodsOf<S, M>;
  readonly events: EventsOf<S, V>;
}

/** Any contract, where the particular one does not matter. */
export type AnyContract = Contract<any, any, any>;

/**
 * Names a service's methods and events. Client, handler types, queues, routes and documents are derived from it.
 * @throws TypeError where a name cannot be part of a queue name, a routing key or a client
 */
export function contract<
  const S extends string,
  M extends Record<string, AnyMethodSpec> = {},
  V extends Record<string, Schema<any, any>> = {},
>(name: S, definition: { readonly methods?: M; readonly events?: V }): Contract<S, M, V> {
  checkServiceName(name);
  const methods: Record<string, Method> = {};
  for (const [key, spec] of Object.entries(definition.methods ?? {})) {
    checkMemberName(name, key);
    methods[key] = {
      kind: "method",
      id: `${name}.${key}`,
      service: name,
      name: key,
      spec: spec as MethodSpec,
    };
  }
  const events: Record<string, Event> = {};
  for (const [key, schema] of Object.entries(definition.events ?? {})) {
    checkMemberName(name, key);
    events[key] = { kind: "event", id: `${name}.${key}`, service: name, name: key, schema };
  }
  return { kind: "contract", name, methods, events } as unknown as Contract<S, M, V>;
}

/** The methods of any contract, as plain values. */
export function methodsOf(contract: AnyContract): readonly Method[] {
  return Object.values(contract.methods as Record<string, Method>);
}

/** The events of any contract, as plain values. */
export function eventsOf(contract: AnyContract): readonly Event[] {
  return Object.values(contract.events as Record<string, Event>);
}

/** Whether a contract can have it: a part of queue names that is never too long and has no dots. */
export function isServiceName(name: string): boolean {
  return /^[a-z][a-z0-9-]{0,62}$/.test(name) && name !== "warren";
}

function checkServiceName(name: string): void {
  if (name === "warren") throw new TypeError(`Contract name "warren" is reserved for Warren's own queues.`);
  if (!isServiceName(name))
    throw new TypeError(
      `Contract name "${name}": use lower-case letters, digits and "-", starting with a letter.`,
    );
}

/** A client must not look like a promise, and no member may shadow what every object has. */
const reserved = new Set([
  "then",
  "catch",
  "finally",
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "toJSON",
]);

function checkMemberName(service: string, name: string): void {
  if (!/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/.test(name) || reserved.has(name))
    throw new TypeError(
      `"${service}.${name}" cannot be the name of a method or event: use letters, digits and "_".`,
    );
}
