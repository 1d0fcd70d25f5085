import { json } from "../codec/json.ts";
import type { Method } from "../contract/method.ts";
import type { Schema } from "../contract/schema.ts";
import type { Incoming } from "../message.ts";
import type { CallOptions } from "../rpc/client.ts";
import { principalOf, type Trail, traceOf } from "../trail.ts";
import type { StoredEntry } from "./rows.ts";

export interface StoredCall {
  readonly method: Method;
  readonly input: unknown;
  readonly options: CallOptions;
  readonly trail: Trail;
}

/**
 * A call as it was written to the outbox. Its contract is not needed, so that any process with the store can make it:
 * the input was validated when it was written, and nobody looks at the answer.
 */
export function storedCall(entry: StoredEntry): StoredCall {
  const { message, type, conversation, service } = entry;
  const incoming = asIncoming(entry);
  return {
    method: methodOf(type),
    input: json.decode(message.body),
    options: {
      key: entry.id,
      // It waits in the outbox for who is down: in a queue it would run out of time, as one does that fails.
      ifDown: "fail",
      ...(message.expirationMs !== undefined && { timeoutMs: message.expirationMs }),
    },
    trail: { service, conversation, principal: principalOf(incoming), trace: traceOf(incoming) },
  };
}

/** What it would have been as a message, had it been sent without anybody waiting for its answer. */
export function asIncoming({ message }: StoredEntry): Incoming {
  return { ...message, redelivered: false, returns: 0 };
}

const anything: Schema<any, any> = {
  "~standard": { version: 1, vendor: "warren", validate: (value) => ({ value }) },
};
/** One value for each, as what is worked out about a method is kept with its value. */
const methods = new Map<string, Method>();

function methodOf(id: string): Method {
  const known = methods.get(id);
  if (known !== undefined) return known;
  const [service = "", name = ""] = id.split(".");
  // What is lost on the way may be sent again: the key sees to it that it runs once.
  const spec = { kind: "rpc", input: anything, idempotent: true } as const;
  const method: Method = { kind: "method", id, service, name, spec };
  methods.set(id, method);
  return method;
}
