import { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
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
  /** To be called when a run of this process has come to an end: nobody need ask the store then. */
  ended(): void;
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

const pollMs = 250;

export function waiting(store: Store, clock: Clock, log: Logger, plans: readonly SagaPlan[]): Waiting {
  const waiters = new Set<Waiter>();
  let timer: Timer | undefined;
  let isLooking = false;
  let isAskedAgain = false;

  function arm(): void {
    timer?.cancel();
    timer = waiters.size === 0 ? undefined : clock.after(pollMs, () => void look());
  }

  async function look(): Promise<void> {
    if (isLooking) {
      isAskedAgain = true;
      return;
    }
    isLooking = true;
    do {
      isAskedAgain = false;
      const asking = [...waiters];
      try {
        for (let from = 0; from < asking.length; from += 100) await ask(asking.slice(from, from + 100));
      } catch (err) {
        log.warn({ err }, "it cannot be looked what became of runs that are waited for; trying again");
      }
    } while (isAskedAgain);
    isLooking = false;
    arm();
  }

  async function ask(some: readonly Waiter[]): Promise<void> {
    const places = some.map((_, i) => `($${2 * i + 1}, $${2 * i + 2})`).join(", ");
    const { rows } = await store.query<RunRow>(
      `select * from warren_sagas where (saga, id) in (values ${places})`,
      some.flatMap(({ plan, id }) => [plan.name, id]),
    );
    for (const waiter of some) {
      const row = rows.find(({ saga, id }) => saga === waiter.plan.name && id === waiter.id);
      if (row !== undefined) judge(waiter, row);
      if (clock.now() >= waiter.until) settle(waiter, () => waiter.reject(late(waiter)));
    }
  }

  function judge(waiter: Waiter, row: RunRow): void {
    const { plan, resolve, reject } = waiter;
    if (row.state === "done") settle(waiter, () => resolve(fromText(row.output)));
    else if (row.state === "failed") settle(waiter, () => reject(faultFrom(row.error!)));
    else if (row.state === "stuck") settle(waiter, () => reject(stuck(row)));
    else if (isLeftAlone(row, plan)) settle(waiter, () => reject(changed(row, plan)));
  }

  /** Nobody went on with it for longer than it takes to notice that somebody died, and it is none of ours. */
  function isLeftAlone(row: RunRow, plan: SagaPlan): boolean {
    if (row.due_at === null || plans.some(({ version }) => version === row.version)) return false;
    return row.due_at + plan.leaseMs <= clock.now();
  }

  function settle(waiter: Waiter, how: () => void): void {
    if (!waiters.delete(waiter)) return;
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
        waiters.add(waiter);
        if (signal?.aborted) return cancel();
        signal?.addEventListener("abort", cancel, { once: true });
        void look();
      });
    },
    ended: () => void (waiters.size > 0 && look()),
    stop() {
      timer?.cancel();
      for (const waiter of [...waiters]) settle(waiter, () => waiter.reject(stopped(waiter)));
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

function stuck({ saga, id, error }: RunRow): Fault {
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
