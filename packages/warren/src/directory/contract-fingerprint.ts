import { createHash } from "node:crypto";
import { type AnyContract, eventsOf, methodsOf } from "../contract/contract.ts";
import { jsonSchemaOf } from "../contract/json-schema.ts";
import { errorDetails, type Method } from "../contract/method.ts";
import type { Schema } from "../contract/schema.ts";

const known = new WeakMap<AnyContract, string>();

/**
 * Twelve hexadecimal digits that two contracts share where they mean the same to callers and listeners: the same methods
 * (input, output, declared errors, HTTP binding, access, whether repeating does harm) and the same events, in whatever
 * order they are written. Schemas count where their validator gives JSON Schema; of the others only that they are there.
 */
export function contractFingerprint(contract: AnyContract): string {
  const before = known.get(contract);
  if (before !== undefined) return before;
  const text = JSON.stringify(inOrder(described(contract)));
  const made = createHash("sha256").update(text).digest("hex").slice(0, 12);
  known.set(contract, made);
  return made;
}

function described(contract: AnyContract): object {
  return {
    name: contract.name,
    methods: Object.fromEntries(methodsOf(contract).map((method) => [method.name, methodOf(method)])),
    events: Object.fromEntries(eventsOf(contract).map(({ name, schema }) => [name, schemaOf(schema)])),
  };
}

function methodOf({ spec }: Method): object {
  const errors = Object.entries((spec.errors ?? {}) as Record<string, any>).map(([code, error]) => {
    const { data, status } = errorDetails(error);
    return [code, { data: schemaOf(data), status }];
  });
  const { http, access = "anyone", idempotent = false } = spec;
  return {
    ...{ http, access, idempotent },
    input: schemaOf(spec.input),
    output: schemaOf(spec.output),
    errors: Object.fromEntries(errors),
  };
}

/** What is sent and what is read may differ, as where a field has a default. */
function schemaOf(schema: Schema<any, any> | undefined): unknown {
  if (schema === undefined) return undefined;
  return { sent: jsonSchemaOf(schema, "input") ?? "any", read: jsonSchemaOf(schema, "output") ?? "any" };
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(fields.map(([name, part]) => [name, inOrder(part)]));
}
