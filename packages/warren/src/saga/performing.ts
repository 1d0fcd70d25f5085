import { type AnyContract, type Event, eventsOf } from "../contract/contract.ts";
import { Fault, isFault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";
import type { Operation } from "../service/context.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import type { Running } from "../service/running.ts";
import type { Unit } from "../store/unit.ts";
import type { StepPlan } from "./plan.ts";
import type { Run } from "./run.ts";
import type { StepCalls } from "./step-calls.ts";
import { stepKey } from "./step-key.ts";

export interface PerformingOptions {
  /** Of the saga, with the app's caller and publisher. */
  readonly scope: InvocationScope;
  readonly running: Running;
}

export interface Performance {
  readonly run: Run;
  readonly step: StepPlan;
  readonly direction: "do" | "undo";
  readonly attempt: number;
  /** What the handler is told by: see `messageOf`. */
  readonly message: Incoming;
  readonly unit: Unit;
  readonly calls: StepCalls;
  /** Where it is known earlier: aborts the signal of what runs. */
  readonly aborted?: AbortSignal | undefined;
}

/** Runs one `do` or one `undo`, by its timeout. Gives what it returns. @throws what it throws; Fault TIMEOUT, STOPPED, OVERLOADED */
export async function perform(
  { scope, running }: PerformingOptions,
  performance: Performance,
): Promise<unknown> {
  const { run, step, direction, attempt, message, unit, calls, aborted } = performance;
  aborted?.throwIfAborted();
  const key = stepKey(run, step.name);
  const byItself = scope.clock.now() + step.timeoutMs;
  const deadline = direction === "do" ? Math.min(byItself, run.deadline ?? byItself) : byItself;
  const invocation = new Invocation(
    { ...scope, uses: run.plan.uses, caller: calls.caller },
    operationOf(run.plan, step),
    message,
    deadline,
    undefined,
    unit,
  );
  const context = contextOf(scope, { run, key, attempt, deadline, unit, invocation });
  const stopWith = (): void => invocation.abort(aborted?.reason);
  aborted?.addEventListener("abort", stopWith, { once: true });
  try {
    return await running.run(
      () => (direction === "do" ? step.do(context) : step.undo!(undoContext(context, run, step))),
      undefined,
      invocation,
    );
  } finally {
    aborted?.removeEventListener("abort", stopWith);
  }
}

export function operationOf({ name }: Run["plan"], step: StepPlan): Operation {
  return { kind: "step", id: `${name}.${step.name}`, service: name };
}

/** No message brings a step. What its handlers are told is said the same way. */
export function messageOf(run: Run, step: StepPlan, direction: "do" | "undo", attempt: number): Incoming {
  const key = stepKey(run, step.name);
  return {
    exchange: "",
    key: "",
    body: new Uint8Array(),
    persistent: true,
    redelivered: false,
    returns: 0,
    messageId: direction === "do" ? key : `${key}/undo`,
    type: `${run.plan.name}.${step.name}`,
    headers: {
      [headers.conversation]: run.conversation,
      [headers.attempt]: attempt,
      ...(run.principal !== undefined && { [headers.principal]: JSON.stringify(run.principal) }),
      ...run.trace,
    },
  };
}

interface Told {
  readonly run: Run;
  readonly key: string;
  readonly attempt: number;
  readonly deadline: number;
  readonly unit: Unit;
  readonly invocation: Invocation;
}

/** Getters for what most steps do not ask for. */
function contextOf(scope: InvocationScope, { run, key, attempt, deadline, unit, invocation }: Told) {
  return {
    id: run.id,
    input: run.input,
    done: run.done,
    key,
    attempt,
    deadline,
    conversation: run.conversation,
    principal: run.principal,
    async emit(event: Event, data: unknown): Promise<void> {
      checkEmits(run, event);
      const about = { service: scope.contract.name, trail: invocation.trail };
      unit.send(await scope.writer.event(event, data, about));
    },
    get call() {
      return invocation.call;
    },
    get send() {
      return invocation.send;
    },
    get db() {
      return invocation.db;
    },
    get signal() {
      return invocation.signal;
    },
    get log() {
      return invocation.log;
    },
  };
}

/** What contracts a saga says that it uses is what the map of the system shows. @throws TypeError */
function checkEmits({ plan }: Run, event: Event): void {
  const contracts = Object.values(plan.uses) as readonly AnyContract[];
  if (contracts.some((contract) => eventsOf(contract).some(({ id }) => id === event.id))) return;
  throw new TypeError(
    `Saga "${plan.name}" emits ${event.id}, an event of no contract in its "uses": add the contract of "${event.service}" to it.`,
  );
}

function undoContext(context: object, run: Run, step: StepPlan): object {
  const completed = run.steps.get(step.name)?.done_at != null;
  const added = { completed, result: completed ? run.done[step.name] : undefined, error: run.error };
  return Object.defineProperties(
    {},
    { ...Object.getOwnPropertyDescriptors(context), ...Object.getOwnPropertyDescriptors(added) },
  );
}

/** Whether a step ended only since its process does: it is to run again, and that is no failure of it. */
export function isInterruption(error: unknown, running: Running): boolean {
  return running.aborted && isFault(error) && error.from === undefined && error.code === "STOPPED";
}

/** The run did not end in the time it has. */
export function outOfTime(run: Run, what: string): Fault {
  const message = `${run.plan.name} "${run.id}" ran out of time: ${what}.`;
  return new Fault("TIMEOUT", { saga: run.plan.name, id: run.id }, { message });
}
