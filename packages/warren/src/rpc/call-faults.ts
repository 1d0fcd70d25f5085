import { Fault, type SystemCode } from "../fault.ts";
import { textOf } from "../retry/error-text.ts";
import type { Pending } from "./pending.ts";
import type { CallPlan } from "./plan.ts";

// Why a call ended without an answer, in the words of the one who made it.

export function timedOut(call: Pending): Fault {
  return fault(
    "TIMEOUT",
    call.plan,
    `No answer from ${call.plan.id} within ${call.timeoutMs} ms. Whether it ran is not known.`,
  );
}

export function neverSent(call: Pending, reason: string): Fault {
  return fault(
    "UNAVAILABLE",
    call.plan,
    `${call.plan.id} could not be sent within ${call.timeoutMs} ms: ${reason}. It did not run.`,
  );
}

export function unavailable(plan: CallPlan, reason: string): Fault {
  return fault("UNAVAILABLE", plan, `Service "${plan.service}" is unavailable: ${reason}.`);
}

/** A broker says no more than that. In a cluster, a queue of requests lives on one node. */
export const noQueue =
  "the broker has no queue of it: it never started there, or the node that holds the queue is down";

/** Nothing was sent, so that a later try does no harm. */
export function unasked(plan: CallPlan, cause: unknown): Fault {
  const message = `${plan.id} was not called: the broker does not say whether "${plan.service}" is there. ${textOf(cause)}`;
  return new Fault("UNAVAILABLE", about(plan), { message, cause });
}

export function nobodyThere(call: Pending): Fault {
  return unavailable(call.plan, call.to === undefined ? noQueue : `its instance "${call.to}" is gone`);
}

export function cancelled(plan: CallPlan, signal: AbortSignal): Fault {
  return new Fault("CANCELLED", about(plan), {
    message: `The caller gave up on ${plan.id}.`,
    cause: signal.reason,
  });
}

/** For a call whose reply address was lost with the connection. */
export function lost(call: Pending, reason: string | undefined): Fault {
  const why = reason === undefined ? "" : ` (${reason})`;
  return fault(
    "UNKNOWN_OUTCOME",
    call.plan,
    `The connection to the broker was lost while ${call.plan.id} was under way${why}. Whether it ran is not known.`,
  );
}

export function stoppedBefore(call: Pending): Fault {
  return fault(
    "STOPPED",
    call.plan,
    `This app stopped before ${call.plan.id} answered. Whether it ran is not known.`,
  );
}

export function refusedBy(
  code: "STOPPED" | "UNAVAILABLE" | "TIMEOUT",
  plan: CallPlan,
  reason: string,
): Fault {
  return fault(code, plan, `${plan.id} was not called: ${reason}.`);
}

export function tooMany(plan: CallPlan, limit: number): Fault {
  return overloaded(plan, limit, `${limit} calls wait for an answer already (limits.calls)`);
}

export function tooManyBytes(plan: CallPlan, limit: number): Fault {
  return overloaded(
    plan,
    limit,
    `the calls that wait for an answer hold ${limit} bytes already, or would with it (limits.callBytes)`,
  );
}

function overloaded(plan: CallPlan, limit: number, why: string): Fault {
  const message = `${plan.id} was not called: ${why}.`;
  return new Fault("OVERLOADED", { ...about(plan), limit }, { message });
}

function fault(code: SystemCode, plan: CallPlan, message: string): Fault {
  return new Fault(code, about(plan), { message });
}

function about({ id, service }: CallPlan): { service: string; method: string } {
  return { service, method: id };
}
