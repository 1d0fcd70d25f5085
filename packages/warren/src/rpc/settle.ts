import type { Codec } from "../codec/codec.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import type { CallTable } from "./call-table.ts";
import { faultIn } from "./fault-reply.ts";
import type { Pending } from "./pending.ts";
import type { CallPlan } from "./plan.ts";

/** Gives a reply to the call it answers: the validated output, or the fault. */
export function settle(calls: CallTable, call: Pending, reply: Incoming, codec: Codec): void {
  let value: unknown;
  try {
    value = resultOf(call.plan, reply, codec);
  } catch (error) {
    return conclude(calls, call, reply, error, false);
  }
  if (!(value instanceof Promise)) return conclude(calls, call, reply, value, true);
  value.then(
    (output) => conclude(calls, call, reply, output, true),
    (error) => conclude(calls, call, reply, error, false),
  );
}

function conclude(calls: CallTable, call: Pending, reply: Incoming, outcome: unknown, ok: boolean): void {
  if (call.answers === undefined) return ok ? calls.finish(call, outcome) : calls.fail(call, outcome);
  const instance = reply.appId ?? "unknown";
  call.answers.push(ok ? { instance, ok, value: outcome } : { instance, ok: false, error: outcome as never });
  if (call.answers.length >= call.expect) calls.finish(call, call.answers);
}

function resultOf(plan: CallPlan, reply: Incoming, codec: Codec): unknown {
  const fault = readable(plan, () => faultIn(reply, codec, plan.service));
  if (fault !== undefined) throw fault;
  if (plan.output === undefined) return undefined;
  const value = readable(plan, () => codec.decode(reply.body));
  return validated(plan.output, value, "BAD_REPLY", plan.outputName);
}

function readable<T>(plan: CallPlan, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault(
      "BAD_REPLY",
      { method: plan.id },
      { message: `${plan.outputName} cannot be decoded: ${String(error)}`, cause: error },
    );
  }
}
