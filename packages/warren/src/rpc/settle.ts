import { decoded } from "../codec/payload.ts";
import type { Reading } from "../codec/reading.ts";
import { validated } from "../contract/schema.ts";
import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import type { CallTable } from "./call-table.ts";
import { faultCode, faultOf } from "./fault-reply.ts";
import type { Pending } from "./pending.ts";
import type { CallPlan } from "./plan.ts";

/** Gives a reply to the call it answers: the validated output, or the fault. */
export function settle(calls: CallTable, call: Pending, reply: Incoming, reading: Reading): void {
  let value: unknown;
  try {
    value = resultOf(call.plan, reply, reading);
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

function resultOf(plan: CallPlan, reply: Incoming, reading: Reading): unknown {
  const code = faultCode(reply);
  if (code === undefined && plan.output === undefined) return undefined;
  let value: unknown;
  try {
    value = decoded(reading, reply);
  } catch (error) {
    throw undecodable(plan, error);
  }
  if (!(value instanceof Promise)) return outcomeOf(plan, code, value);
  return value.then(
    (body) => outcomeOf(plan, code, body),
    (error) => {
      throw undecodable(plan, error);
    },
  );
}

function outcomeOf(plan: CallPlan, code: string | undefined, value: unknown): unknown {
  if (code !== undefined) throw faultOf(code, value, plan.service);
  return validated(plan.output!, value, "BAD_REPLY", plan.outputName);
}

function undecodable(plan: CallPlan, cause: unknown): Fault {
  const message = `${plan.outputName} cannot be decoded: ${String((cause as Error).message)}`;
  return new Fault("BAD_REPLY", { method: plan.id }, { message, cause });
}
