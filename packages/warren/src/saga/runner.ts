import { validated } from "../contract/schema.ts";
import { type Fault, isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Store } from "../store.ts";
import type { Clock, Timer } from "../time.ts";
import type { Advance } from "./advancing.ts";
import { LeaseLost, type Ledger } from "./ledger.ts";
import type { SagaPlan } from "./plan.ts";
import { keyOf, type Run, type RunRow, runOf, type StepRow } from "./run.ts";
import { Interrupted } from "./stepping.ts";
import { fromText } from "./stored-json.ts";
import { endUnreadable } from "./unreadable.ts";

/** Goes on with the runs of a store that are due, in this process. */
export interface Runner {
  start(): void;
  /** Looks at once for what is due. */
  wake(): void;
  /** Goes on with a run that this process has the lease of. */
  go(row: RunRow): void;
  /** Whether it takes another run now. */
  readonly hasRoom: boolean;
  /** Begins no further step; resolves when those under way are over, and their runs given back. Idempotent. */
  stop(): Promise<void>;
}

export interface RunnerOptions {
  readonly store: Store;
  readonly plans: readonly SagaPlan[];
  readonly ledger: Ledger;
  readonly advance: Advance;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when a run has come to an end, or to where a person has to decide. */
  readonly ended: (row: RunRow) => void;
}

/** Runs at once, in one process and store. */
const maxRuns = 200;
/** How often it is looked for what other processes left, in milliseconds. */
const pollMs = 1_000;

/** A run while this process works on it. */
interface Active {
  readonly row: RunRow;
  readonly over: Promise<void>;
}

export function runner(options: RunnerOptions): Runner {
  const { plans, ledger, advance, clock, log, ended } = options;
  const active = new Map<string, Active>();
  const renewMs = Math.min(...plans.map(({ leaseMs }) => leaseMs)) / 3;
  let phase: "new" | "started" | "stopping" = "new";
  let timer: Timer | undefined;
  let armedFor = Number.POSITIVE_INFINITY;
  let renewing: Timer | undefined;
  let isLooking = false;
  let isAskedAgain = false;
  let looking = Promise.resolve();

  const planOf = (row: RunRow): SagaPlan => plans.find(({ version }) => version === row.version)!;

  function arm(at: number): void {
    if (phase !== "started" || at >= armedFor) return;
    timer?.cancel();
    armedFor = at;
    timer = clock.after(Math.max(0, at - clock.now()), wake);
  }

  function wake(): void {
    if (phase !== "started") return;
    timer?.cancel();
    armedFor = Number.POSITIVE_INFINITY;
    if (isLooking) isAskedAgain = true;
    else looking = look();
  }

  async function look(): Promise<void> {
    isLooking = true;
    do {
      isAskedAgain = false;
      try {
        await takeDue();
      } catch (err) {
        log.warn({ err }, "runs of sagas cannot be looked for; trying again");
      }
    } while (isAskedAgain && phase === "started");
    isLooking = false;
    arm(clock.now() + pollMs);
  }

  async function takeDue(): Promise<void> {
    const busy = [...active.values()].map(({ row }) => row);
    const room = maxRuns - busy.length;
    // The next one that ends looks again.
    if (room <= 0) return;
    for (const row of await ledger.claim(plans, room, busy)) go(row);
    const next = await ledger.nextDue(plans);
    if (next !== undefined && next > clock.now()) arm(next);
  }

  function go(row: RunRow): void {
    // A run that was begun anew, since the one of its id ended elsewhere and was deleted, while this process works on that.
    const before = active.get(keyOf(row))?.over ?? Promise.resolve();
    const over = before
      .then(() => work(row))
      .then((isOver) => {
        const wasFull = active.size >= maxRuns;
        if (active.get(keyOf(row))?.over === over) active.delete(keyOf(row));
        if (active.size === 0) renewing?.cancel();
        // One that rests may be due soon.
        if (wasFull || !isOver) wake();
      });
    if (active.size === 0) renew();
    active.set(keyOf(row), { row, over });
  }

  /** @returns whether nothing is left to be done */
  async function work(row: RunRow): Promise<boolean> {
    try {
      const { run, refused } = await read(row);
      if (refused === undefined) await advance(run);
      else await endUnreadable({ ledger, log }, run, refused);
      if (run.state !== "done" && run.state !== "failed" && run.state !== "stuck") return false;
      ended(row);
      return true;
    } catch (err) {
      await leave(row, err);
      return false;
    }
  }

  /** `refused`: why the saga does not accept the input any more, which it has as it is kept. */
  async function read(row: RunRow): Promise<{ readonly run: Run; readonly refused: Fault | undefined }> {
    const plan = planOf(row);
    const what = `The input of ${row.saga} "${row.id}"`;
    const kept: unknown = fromText(row.input);
    const steps: readonly StepRow[] = await ledger.stepsOf(row);
    try {
      const input = await validated(plan.input, kept, "INVALID_INPUT", what);
      return { run: runOf(plan, row, input, steps), refused: undefined };
    } catch (error) {
      if (!isFault(error) || error.code !== "INVALID_INPUT") throw error;
      return { run: runOf(plan, row, kept, steps), refused: error };
    }
  }

  /** Gives a run back that could not be gone on with: at once where this process ends, else in a while. */
  async function leave(row: RunRow, err: unknown): Promise<void> {
    const about = { saga: row.saga, id: row.id, conversation: row.conversation };
    if (err instanceof LeaseLost)
      return log.warn(about, "another process went on with a run, since this one was too slow");
    if (!(err instanceof Interrupted))
      log.error({ ...about, err }, "a run of a saga could not be gone on with; trying again");
    try {
      // As its rows have it: of what was under way here, some may not have been committed.
      await ledger.leave(row, clock.now() + (err instanceof Interrupted ? 0 : planOf(row).leaseMs));
    } catch (error) {
      log.warn(
        { ...about, err: error },
        "a run could not be given back; it is taken over when its lease is over",
      );
    }
  }

  /** Of what nobody may go on with, somebody is to know. */
  async function tellOfStrangers(): Promise<void> {
    try {
      for (const { saga, version, runs, id } of await ledger.strangers(plans))
        log.warn(
          { saga, version, runs, id },
          `runs of the saga ${saga} keep to version ${version}, which this process does not have: it leaves them alone. Where no other process has it, give it to the app as well`,
        );
    } catch (err) {
      log.warn({ err }, "runs of other versions of sagas cannot be looked for");
    }
  }

  function renew(): void {
    renewing = clock.after(renewMs, () => {
      for (const plan of plans) {
        const rows = [...active.values()].map(({ row }) => row);
        const mine = rows.filter(({ version }) => version === plan.version);
        if (mine.length === 0) continue;
        ledger
          .renew(plan, mine)
          .catch((err) => log.warn({ err }, "the leases of runs could not be renewed; trying again"));
      }
      if (active.size > 0) renew();
    });
  }

  return {
    go,
    wake,
    get hasRoom() {
      return phase === "started" && active.size < maxRuns;
    },
    start() {
      phase = "started";
      wake();
      void tellOfStrangers();
    },
    async stop() {
      phase = "stopping";
      timer?.cancel();
      await looking;
      await Promise.all([...active.values()].map(({ over }) => over));
      renewing?.cancel();
    },
  };
}
