import { aboutMessage } from "../about-message.ts";
import { AlreadyDone } from "../inbox/already-done.ts";
import type { Mark } from "../inbox/inbox.ts";
import type { Incoming } from "../message.ts";
import { attemptOf } from "../retry/attempt.ts";
import { textOf } from "../retry/error-text.ts";
import { attemptsOf, type RetryPolicy } from "../retry/policy.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import { onceInUnit } from "../store/in-unit.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import { storedKey } from "../stored-key.ts";
import type { Clock } from "../time.ts";
import { conversationOf } from "../trail.ts";
import { chapterKey, type KeyOf } from "./chapter-key.ts";
import { Failure } from "./failure.ts";
import type { Invoke, Job } from "./invoke.ts";
import { type Entered, graceMs, type Journal, type Run } from "./journal.ts";

/** What is written to the journal: a reaction with `undo` or `gaveUp`. */
export interface Journalled {
  readonly key?: KeyOf | undefined;
  readonly gaveUp?: Handler | undefined;
}

export interface JournalledRunOptions {
  readonly runtime: StoreRuntime;
  readonly journal: Journal;
  readonly scope: InvocationScope;
  readonly clock: Clock;
  readonly invoke: Invoke;
}

/** A reaction, to be run or given up. */
export interface JournalledJob extends Job {
  readonly journalled: Journalled;
  readonly retry: RetryPolicy;
  readonly mark: Mark;
}

export interface JournalledRuns {
  /**
   * Runs it unless it was done, undone or given up before.
   * @throws Failure given-up where it was given up: the message is a dead letter then
   */
  run(job: JournalledJob, message: Incoming, event: unknown): Promise<void>;
  /**
   * Runs `gaveUp`, once.
   * @returns whether the message is to be buried as given up; else it was done or undone meanwhile
   * @throws Failure gave-up-failed
   */
  giveUp(
    job: JournalledJob,
    message: Incoming,
    read: () => Promise<unknown>,
    error: unknown,
  ): Promise<boolean>;
}

/** An error is kept for people to read. */
export const maxErrorChars = 2_000;

export function journalledRuns(options: JournalledRunOptions): JournalledRuns {
  const { runtime, journal, scope, clock, invoke } = options;

  function runOf({ operation, journalled }: JournalledJob, message: Incoming, event: unknown): Run {
    const whose = `Service "${operation.service}" on "${operation.id}"`;
    const key = chapterKey(whose, journalled.key, event, message);
    return {
      service: operation.service,
      reaction: operation.id,
      key,
      conversation: conversationOf(message),
      messageId: storedKey(message.messageId!),
      event: JSON.stringify(event) ?? "null",
    };
  }

  function skip(message: Incoming, { state }: Entered, job: JournalledJob): void {
    scope.log.info(
      { operation: job.operation.id, ...aboutMessage(message), state },
      "a reaction was not run, as the journal says",
    );
  }

  async function begun(job: JournalledJob, message: Incoming, event: unknown, run: Entered): Promise<void> {
    try {
      await onceInUnit(
        runtime.unit({ mark: job.mark }),
        async (unit) => resultText(job, await invoke(job, message, event, unit)),
        async (sql, text) => {
          if (!(await journal.done(sql, run.seq, text)))
            throw new AlreadyDone(job.mark.consumer, job.mark.messageId);
        },
      );
    } catch (error) {
      await note(message, () => journal.failed(run, textOf(error, maxErrorChars)));
      throw error;
    }
  }

  /** What cannot be noted is over by itself when its time is. */
  async function note(message: Incoming, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (err) {
      scope.log.warn({ ...aboutMessage(message), err }, "the journal could not be told that a run failed");
    }
  }

  async function lastWords(
    job: JournalledJob,
    message: Incoming,
    event: unknown,
    { seq }: Entered,
    error: Error,
  ): Promise<void> {
    const { gaveUp } = job.journalled;
    if (gaveUp === undefined) return;
    const attempt = Math.max(1, attemptOf(message) - attemptsOf(job.retry) + 1);
    try {
      await onceInUnit(
        runtime.unit({ mark: job.mark }),
        (unit) => invoke({ ...job, handler: gaveUp }, message, event, unit, { error }),
        async (sql) => {
          if (!(await journal.gaveUp(sql, seq))) throw new AlreadyDone(job.mark.consumer, job.mark.messageId);
        },
      );
    } catch (thrown) {
      const text = `"gaveUp" of "${job.operation.id}" failed: ${textOf(thrown)}. It was given up for: ${textOf(error)}`;
      throw new Failure("gave-up-failed", new Error(text, { cause: thrown }), job.retry, attempt);
    }
  }

  return {
    async run(job, message, event) {
      const run = await journal.begin(runOf(job, message, event), clock.now() + job.timeoutMs + graceMs);
      if (run.state === "begun") return begun(job, message, event, run);
      if (run.state !== "giving-up" && run.state !== "given-up") return skip(message, run, job);
      const error = new Error(run.error?.replace(/^Error: /, "") ?? "not known any more");
      if (run.state === "giving-up") await lastWords(job, message, event, run, error);
      throw new Failure("given-up", error, job.retry);
    },
    async giveUp(job, message, read, error) {
      let event: unknown;
      let run: Entered;
      try {
        event = await read();
        run = await journal.giveUp(runOf(job, message, event), textOf(error, maxErrorChars));
      } catch (thrown) {
        throw new Failure(
          "gave-up-failed",
          thrown,
          job.retry,
          Math.max(1, attemptOf(message) - attemptsOf(job.retry) + 1),
        );
      }
      if (run.state === "giving-up")
        await lastWords(job, message, event, run, error instanceof Error ? error : new Error(textOf(error)));
      else if (run.state !== "given-up") {
        skip(message, run, job);
        return false;
      }
      return true;
    },
  };
}

/** @throws TypeError where JSON cannot hold it */
function resultText({ operation }: Job, result: unknown): string {
  try {
    return JSON.stringify(result) ?? "null";
  } catch (cause) {
    throw new TypeError(
      `What "${operation.service}" returns on "${operation.id}" cannot be kept for its undo, since JSON cannot hold it: ${textOf(cause)}`,
      { cause },
    );
  }
}
