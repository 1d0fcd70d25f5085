import { readableText } from "../codec/readable.ts";
import { textOf } from "../retry/error-text.ts";
import { type SagaRun, type SagaRunStep, sagaRuns } from "../saga/looking.ts";
import { type ConversationSource, latestOf } from "./source.ts";
import { type ConversationState, type ConversationStep, shortened } from "./step.ts";

const table = "warren_sagas";

/** Runs of sagas, and the steps of each. */
export const sagas: ConversationSource = {
  recent: (sql, wanted) => latestOf(sql, { table, at: "since", open: "ended_at is null" }, wanted),
  async steps(sql, { conversations, data, limit }) {
    const steps: ConversationStep[] = [];
    for (const conversation of conversations)
      for (const run of await sagaRuns(sql, { conversation, limit })) {
        if (steps.length >= limit) return steps;
        steps.push(runStep(run, data));
        for (const step of run.steps) if (step.state !== "to-come") steps.push(stepStep(run, step, data));
      }
    return steps;
  },
};

const runStates: Readonly<Record<SagaRun["state"], readonly [ConversationState, string]>> = {
  running: ["running", "under way"],
  waiting: ["waiting", "waits"],
  compensating: ["running", "being undone"],
  stuck: ["stuck", "stuck: something could not be undone"],
  done: ["done", "done"],
  failed: ["undone", "failed; what was done is undone"],
};

function runStep(run: SagaRun, data: boolean): ConversationStep {
  const [state, text] = runStates[run.state];
  const { waitsFor } = run;
  return {
    key: `saga ${run.saga} ${run.id}`,
    ...{ conversation: run.conversation, service: run.saga, kind: "saga", name: run.id, state },
    text: waitsFor === undefined ? text : `waits for ${waitsFor.event}, key ${waitsFor.key}`,
    ...{ at: run.since, beganAt: run.beganAt, dueAt: run.endedAt === undefined ? run.dueAt : undefined },
    error: run.error && shortened(textOf(run.error), 500),
    data: data ? dataOf(run.input, run.output) : undefined,
  };
}

const stepStates: Readonly<Record<SagaRunStep["state"], readonly [ConversationState, string]>> = {
  "to-come": ["waiting", "to come"],
  running: ["running", "under way"],
  retrying: ["waiting", "failed; to be tried again"],
  waiting: ["waiting", "waits"],
  done: ["done", "done"],
  failed: ["undone", "failed"],
  undoing: ["running", "being undone"],
  undone: ["undone", "undone"],
  stuck: ["stuck", "could not be undone"],
};

function stepStep(run: SagaRun, step: SagaRunStep, data: boolean): ConversationStep {
  const [state, text] = stepStates[step.state];
  const isOver = run.endedAt !== undefined;
  return {
    key: `saga ${run.saga} ${run.id} ${step.name}`,
    ...{ conversation: run.conversation, service: run.saga, kind: "saga-step", name: step.name },
    // A wait that a failure ended is over, whatever its row says.
    ...(isOver && (state === "waiting" || state === "running")
      ? { state: "undone" as const, text: "ended" }
      : { state, text: step.state === "waiting" && step.event ? `waits for ${step.event}` : text }),
    at: step.undoneAt ?? step.doneAt ?? step.beganAt ?? run.since,
    ...{ beganAt: step.beganAt, dueAt: isOver ? undefined : step.dueAt },
    attempts: isUndo(step) ? step.undoAttempts : step.attempts,
    error: step.error && shortened(textOf(step.error), 500),
    data: data ? dataOf(undefined, step.result) : undefined,
  };
}

/** Whether what is said of it is about its undo. */
function isUndo({ state }: SagaRunStep): boolean {
  return state === "undoing" || state === "undone" || state === "stuck";
}

function dataOf(given: unknown, gave: unknown): string | undefined {
  const parts = [
    given === undefined ? "" : readableText(given),
    gave === undefined ? "" : `gave ${readableText(gave)}`,
  ];
  return shortened(parts.filter((part) => part !== "").join(" ") || undefined, 4_000);
}
