import type { Codec } from "../codec/codec.ts";
import { validated } from "../contract/schema.ts";
import type { Expiring } from "../deadlines.ts";
import { Fault, isFault } from "../fault.ts";
import type { Headers, Incoming } from "../message.ts";
import type { Answer } from "./client.ts";
import { faultIn } from "./fault-reply.ts";
import type { CallPlan } from "./plan.ts";

/** A call that waits for its answer, with what it takes to send it again. */
export interface Pending extends Expiring {
  readonly id: string;
  readonly plan: CallPlan;
  readonly exchange: string;
  readonly key: string;
  readonly to: string | undefined;
  readonly body: Uint8Array;
  readonly headers: Headers;
  readonly timeoutMs: number;
  readonly ifDown: "wait" | "fail";
  sent: boolean;
  /** Collected so far, for a call to every instance. */
  readonly answers: Answer<unknown, never>[] | undefined;
  readonly expect: number;
  readonly resolve: (value: any) => void;
  readonly reject: (error: unknown) => void;
  dispose?: () => void;
}

type Finish = (call: Pending, value: unknown) => void;
type Fail = (call: Pending, error: unknown) => void;

/** Gives a reply to the call it answers: the validated output, or the fault. */
export function settle(call: Pending, reply: Incoming, codec: Codec, finish: Finish, fail: Fail): void {
  let value: unknown;
  try {
    value = resultOf(call.plan, reply, codec);
  } catch (error) {
    return conclude(call, reply, error, false, finish, fail);
  }
  if (!(value instanceof Promise)) return conclude(call, reply, value, true, finish, fail);
  value.then(
    (output) => conclude(call, reply, output, true, finish, fail),
    (error) => conclude(call, reply, error, false, finish, fail),
  );
}

function conclude(
  call: Pending,
  reply: Incoming,
  outcome: unknown,
  ok: boolean,
  finish: Finish,
  fail: Fail,
): void {
  if (call.answers === undefined) return ok ? finish(call, outcome) : fail(call, outcome);
  const instance = reply.appId ?? "unknown";
  call.answers.push(ok ? { instance, ok, value: outcome } : { instance, ok: false, error: outcome as never });
  if (call.answers.length >= call.expect) finish(call, call.answers);
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

/** For a call whose reply address was lost with the connection. */
export function lost(call: Pending, reason: string | undefined): Fault {
  return new Fault(
    "UNKNOWN_OUTCOME",
    { service: call.plan.service, method: call.plan.id },
    {
      message: `The connection to the broker was lost while ${call.plan.id} was under way (${reason ?? "no reason given"}). Whether it ran is not known.`,
    },
  );
}
