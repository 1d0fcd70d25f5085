import { Fault } from "../fault.ts";
import { AlreadyDone } from "../inbox/already-done.ts";
import type { Incoming } from "../message.ts";
import { textOf } from "../retry/error-text.ts";
import type { RetryPolicy } from "../retry/policy.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { Running } from "../service/running.ts";
import { onceInUnit } from "../store/in-unit.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Unit } from "../store/unit.ts";
import { storedKey } from "../stored-key.ts";
import { type Clock, delay } from "../time.ts";
import { conversationOf } from "../trail.ts";
import { chapterKey, type KeyOf } from "./chapter-key.ts";
import { Failure } from "./failure.ts";
import type { Invoke, Job } from "./invoke.ts";
import type { By, Chapter, Journal, Undoable } from "./journal.ts";
import { maxErrorChars } from "./journalled-run.ts";

/** How a reaction is undone on some event. */
export interface UndoJob extends Job {
  /** The id of the event of the reaction that is undone. */
  readonly reaction: string;
  readonly key?: KeyOf | undefined;
  readonly retry: RetryPolicy;
}

export interface UndoingOptions {
  readonly runtime: StoreRuntime;
  readonly journal: Journal;
  readonly scope: InvocationScope;
  readonly clock: Clock;
  readonly running: Running;
  readonly invoke: Invoke;
}

/**
 * Undoes what some reactions did, the one that began last first. Each is tried, also where another one fails.
 * @param read gives the event anew, since a handler may change what it gets
 * @throws Failure undo-failed
 */
export type UndoAll = (
  jobs: readonly UndoJob[],
  message: Incoming,
  read: () => Promise<unknown>,
) => Promise<void>;

const firstPauseMs = 5;
const longestPauseMs = 500;

export function undoing(options: UndoingOptions): UndoAll {
  const { runtime, journal, scope, clock, running, invoke } = options;

  function chapterOf(job: UndoJob, message: Incoming, event: unknown): Chapter {
    const { service, id } = job.operation;
    const whose = `Service "${service}" undoing "${job.reaction}" on "${id}"`;
    return { service, reaction: job.reaction, key: chapterKey(whose, job.key, event, message) };
  }

  async function undo(job: UndoJob, message: Incoming, read: () => Promise<unknown>): Promise<void> {
    const chapter = chapterOf(job, message, await read());
    const messageId = storedKey(message.messageId!);
    const mark = { consumer: `${chapter.service} on ${job.operation.id} undoing ${job.reaction}`, messageId };
    if (await runtime.inbox.isDone(mark)) return;
    const by: By = { event: job.operation.id, messageId, conversation: conversationOf(message) };
    const runs = await take(job, chapter, by, mark);
    if (runs.length === 0) return;
    const work = async (unit: Unit): Promise<void> => {
      for (const run of runs) await invoke(job, message, await read(), unit, toldOf(run));
    };
    try {
      await onceInUnit(runtime.unit({ mark }), work, async (sql) => {
        if (!(await journal.undone(sql, runs))) throw new AlreadyDone(mark.consumer, messageId);
      });
    } catch (error) {
      await note(runs, by, error);
      throw error;
    }
  }

  /** Waits for those at work: they end by their timeouts, and nothing new is begun once the chapter is closed. */
  async function take(
    job: UndoJob,
    chapter: Chapter,
    by: By,
    mark: Parameters<Journal["close"]>[2],
  ): Promise<readonly Undoable[]> {
    for (;;) {
      const taken = await journal.close(chapter, by, mark, job.timeoutMs);
      if (taken !== undefined) return taken;
      let pauseMs = firstPauseMs;
      do {
        if (running.aborted) throw stopped(job);
        await delay(clock, pauseMs);
        pauseMs = Math.min(2 * pauseMs, longestPauseMs);
      } while (await journal.isBusy(chapter, by));
    }
  }

  async function note(runs: readonly Undoable[], by: By, error: unknown): Promise<void> {
    try {
      await journal.undoFailed(runs, by, textOf(error, maxErrorChars));
    } catch (err) {
      const { messageId, conversation } = by;
      scope.log.warn({ err, messageId, conversation }, "the journal could not be told that an undo failed");
    }
  }

  async function newestFirst(
    jobs: readonly UndoJob[],
    message: Incoming,
    event: unknown,
  ): Promise<readonly UndoJob[]> {
    if (jobs.length < 2) return jobs;
    const dated = await Promise.all(
      jobs.map(async (job) => ({ job, latest: await journal.latest(chapterOf(job, message, event)) })),
    );
    return dated.toSorted((a, b) => b.latest - a.latest).map(({ job }) => job);
  }

  return async (jobs, message, read) => {
    const failed: { readonly job: UndoJob; readonly error: unknown }[] = [];
    const sorted = await newestFirst(jobs, message, await read()).catch((error) => {
      throw new Failure("undo-failed", error, jobs[0]!.retry);
    });
    for (const job of sorted) {
      try {
        await undo(job, message, read);
      } catch (error) {
        failed.push({ job, error });
      }
    }
    if (failed[0] === undefined) return;
    const [{ job, error }] = failed as [(typeof failed)[0]];
    // This process ends; that is nobody's failure.
    if (running.aborted) throw error;
    const text = failed.map((each) => `Undoing "${each.job.reaction}" failed: ${textOf(each.error)}`);
    throw new Failure("undo-failed", new Error(text.join(" "), { cause: error }), job.retry);
  };
}

function toldOf({ event, result }: Undoable): { readonly done: unknown; readonly original: unknown } {
  return { done: result === null ? undefined : JSON.parse(result), original: JSON.parse(event) };
}

function stopped({ operation }: UndoJob): Fault {
  const message = `Undoing on ${operation.id} waited for a run under way, and the app stopped.`;
  return new Fault("STOPPED", { method: operation.id }, { message });
}
