import { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import { placeholderRows } from "../store/placeholders.ts";
import type { Store } from "../store.ts";
import type { Clock, Timer } from "../time.ts";
import type { SagaPlan } from "./plan.ts";
import type { RunRow } from "./run.ts";
import { difference, type StageShape, shapeOf } from "./shape.ts";
import { faultFrom } from "./stored-fault.ts";
import { fromText } from "./stored-json.ts";

/** Those in this process who wait for what runs give, wherever they run. */
export interface Waiting {
  /**
   * What the run gives.
   * @throws the fault that made it fail, once all is undone; Fault SAGA_STUCK, SAGA_CHANGED, TIMEOUT, CANCELLED, STOPPED
   */
  outcome(plan: SagaPlan, id: string, options: WaitingOptions): Promise<unknown>;
  /** To be called when a run of this process has come to an end: nobody need wait for the next look then. */
  ended(run: Pick<RunRow, "saga" | "id">): void;
  /** Those who wait are told that this app has stopped. */
  stop(): void;
}

export interface WaitingOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly plan: SagaPlan;
  readonly id: string;
  readonly until: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Called when it waits no longer. */
  readonly over: () => void;
}

/** What is read of a run that is waited for. */
type Ended = Pick<RunRow, "saga" | "id" | "version" | "state" | "due_at" | "output" | "error">;

const pollMs = 250;
/** Runs that one statement asks for. */
const askedTogether = 100;

export function waiting(store: Store, clock: Clock, log: Logger, plans: readonly SagaPlan[]): Waiting {
  /** Those who wait, by the run that they wait for. */
  const waiters = new Map<string, Set<Waiter>>();
  /** Runs to be looked at now; the others are when their time comes. */
  let asked = new Set<string>();
  let timer: Timer | undefined;
  let isLooking = false;

  const keyOf = (saga: string, id: string): string => `${saga}\n${id}`;

  function arm(): void {
    if (waiters.size > 0) timer ??= clock.after(pollMs, poll);
  }

  function poll(): void {
    timer = undefined;
    void look(waiters.keys());
  }

  async function look(keys: Iterable<string>): Promise<void> {
    for (const key of keys) asked.add(key);
    if (isLooking) return;
    isLooking = true;
    while (asked.size > 0) {
      const asking = [...asked];
      asked = new Set();
      try {
        for (let from = 0; from < asking.length; from += askedTogether)
          await ask(asking.slice(from, from + askedTogether));
      } catch (err) {
        log.warn({ err }, "it cannot be looked what became of runs that are waited for; trying again");
      }
    }
    isLooking = false;
    arm();
  }

  async function ask(keys: readonly string[]): Promise<void> {
    const { rows } = await store.query<Ended>(
      `select saga, id, version, state, due_at, output, error
        from warren_sagas where (saga, id) in (values ${placeholderRows(keys.length, 2)})`,
      keys.flatMap((key) => key.split("\n")),
    );
    const now = clock.now();
    for (const row of rows) {
      const left = [...(waiters.get(keyOf(row.saga, row.id)) ?? [])].filter((waiter) => judge(waiter, row));
      if (left.length > 0) await tellOfChange(row, left);
    }
    for (const waiter of keys.flatMap((key) => [...(waiters.get(key) ?? [])]))
      if (now >= waiter.until) settle(waiter, () => waiter.reject(late(waiter)));
  }

  /** @returns whether nobody goes on with it, and it is to be told why */
  function judge(waiter: Waiter, row: Ended): boolean {
    const { plan, resolve, reject } = waiter;
    if (row.state === "done") settle(waiter, () => resolve(fromText(row.output)));
    else if (row.state === "failed") settle(waiter, () => reject(faultFrom(row.error!)));
    else if (row.state === "stuck") settle(waiter, () => reject(stuck(row)));
    else return isLeftAlone(row, plan);
    return false;
  }

  async function tellOfChange({ saga, id }: Ended, those: readonly Waiter[]): Promise<void> {
    const { rows } = await store.query<RunRow>("select * from warren_sagas where saga = $1 and id = $2", [
      saga,
      id,
    ]);
    for (const row of rows)
      for (const waiter of those) settle(waiter, () => waiter.reject(changed(row, waiter.plan)));
  }

  /** Nobody went on with it for longer than it takes to notice that somebody died, and it is none of ours. */
  function isLeftAlone(row: Ended, plan: SagaPlan): boolean {
    if (row.due_at === null || plans.some(({ version }) => version === row.version)) return false;
    return row.due_at + plan.leaseMs <= clock.now();
  }

  function settle(waiter: Waiter, how: () => void): void {
    const key = keyOf(waiter.plan.name, waiter.id);
    const those = waiters.get(key);
    if (those === undefined || !those.delete(waiter)) return;
    if (those.size === 0) waiters.delete(key);
    waiter.over();
    how();
  }

  return {
    outcome(plan, id, { timeoutMs, signal }) {
      return new Promise((resolve, reject) => {
        const until = clock.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
        const cancel = (): void => settle(waiter, () => reject(cancelled(waiter, signal)));
        const over = (): void => signal?.removeEventListener("abort", cancel);
        const waiter: Waiter = { plan, id, until, resolve, reject, over };
        const key = keyOf(plan.name, id);
        waiters.set(key, (waiters.get(key) ?? new Set()).add(waiter));
        if (signal?.aborted) return cancel();
        signal?.addEventListener("abort", cancel, { once: true });
        void look([key]);
      });
    },
    ended({ saga, id }) {
      const key = keyOf(saga, id);
      if (waiters.has(key)) void look([key]);
    },
    stop() {
      timer?.cancel();
      for (const waiter of [...waiters.values()].flatMap((those) => [...those]))
        settle(waiter, () => waiter.reject(stopped(waiter)));
    },
  };
}

const about = ({ plan, id }: Waiter): object => ({ saga: plan.name, id });

function late(waiter: Waiter): Fault {
  const message = `${waiter.plan.name} "${waiter.id}" has not ended in the time that was given to wait. It goes on.`;
  return new Fault("TIMEOUT", about(waiter), { message });
}

function cancelled(waiter: Waiter, signal: AbortSignal | undefined): Fault {
  const message = `The caller waits for ${waiter.plan.name} "${waiter.id}" no longer. It goes on.`;
  return new Fault("CANCELLED", about(waiter), { message, cause: signal?.reason });
}

function stopped(waiter: Waiter): Fault {
  const message = `This app stopped before ${waiter.plan.name} "${waiter.id}" ended. It goes on elsewhere, or when the app is started again.`;
  return new Fault("STOPPED", about(waiter), { message });
}

function stuck({ saga, id, error }: Ended): Fault {
  const why = error === null ? "" : ` It failed with ${faultFrom(error).message}`;
  const message = `${saga} "${id}" is stuck: a step of it cannot be undone. See app.sagas.show, and retry it there.${why}`;
  return new Fault("SAGA_STUCK", { saga, id }, { message });
}

function changed(row: RunRow, plan: SagaPlan): Fault {
  const { saga, id, version } = row;
  const what = difference(JSON.parse(row.shape) as readonly StageShape[], shapeOf(plan.stages));
  const message = `${saga} "${id}" was begun with version ${version} of the saga, which no process goes on with: ${what}. Give that version to the app as well.`;
  return new Fault("SAGA_CHANGED", { saga, id, version, here: plan.version }, { message });
}
