import { placeholders } from "../store/placeholders.ts";
import { inTransaction, type Sql, type Store } from "../store.ts";
import type { Clock } from "../time.ts";
import type { SagaPlan } from "./plan.ts";
import { keyOf, noteStep, type Run, type RunRow, type RunState, type StepRow } from "./run.ts";
import { faultFrom, storedFault } from "./stored-fault.ts";

/**
 * Thrown where somebody has taken over a run: whoever had it has no business with it any more, also where the lease is
 * its process's again by now.
 */
export class LeaseLost extends Error {
  constructor(run: Run) {
    super(`${run.plan.name} "${run.id}" is in the hands of another process by now.`);
    this.name = "LeaseLost";
  }
}

/** What becomes of a run in one statement. */
interface RunChange {
  readonly state: RunState;
  readonly dueAt: number | null;
  /** Whether this process goes on with it. */
  readonly keep: boolean;
  readonly waiting?: string;
}

export interface Strangers {
  readonly saga: string;
  readonly version: string;
  readonly runs: number;
  readonly id: string;
}

/** What tells a lease from all others. */
export type Lease = Pick<RunRow, "saga" | "id" | "fence">;

/** The rows of runs, written by whoever has the lease. Each member but the reading ones throws LeaseLost where it is gone. */
export interface Ledger {
  /**
   * Takes up to `limit` runs that are due. One that cannot be taken is left to the next time.
   * @param busy which ones this process works on still: they are not taken, whoever has had them meanwhile
   */
  claim(
    plans: readonly SagaPlan[],
    limit: number,
    busy: readonly Pick<RunRow, "saga" | "id">[],
  ): Promise<readonly RunRow[]>;
  /** When the next of them is due. */
  nextDue(plans: readonly SagaPlan[]): Promise<number | undefined>;
  /** Runs under way of the same sagas that keep to other versions, counted, with one of them each. */
  strangers(plans: readonly SagaPlan[]): Promise<readonly Strangers[]>;
  stepsOf(row: RunRow): Promise<readonly StepRow[]>;
  /** For runs that this process works on, all of this plan. What it has and does not work on is left to others in time. */
  renew(plan: SagaPlan, leases: readonly Lease[]): Promise<void>;
  /** The row of a step, as part of a transaction that says that this process still has the run. */
  putStep(sql: Sql, run: Run, step: StepRow): Promise<void>;
  /** The same in a transaction of its own. */
  saveStep(run: Run, step: StepRow): Promise<void>;
  /** Makes sure in a transaction that this process still has the run, and that it waits for nothing any more. */
  hold(sql: Sql, run: Run): Promise<void>;
  change(sql: Sql, run: Run, change: RunChange): Promise<void>;
  /** From now on what is done is undone. `undefined` where no step is the reason. */
  fail(run: Run, step: string | undefined, error: unknown): Promise<void>;
  end(run: Run, state: "done" | "failed" | "stuck", output?: string): Promise<void>;
  /** Gives it back, for whoever comes at `dueAt`. */
  rest(run: Run, state: RunState, dueAt: number | null): Promise<void>;
  /** The same for one that is left as it stands in its rows. Does nothing where this process does not have it. */
  leave(lease: Lease, dueAt: number): Promise<void>;
}

export interface LedgerOptions {
  readonly store: Store<any>;
  readonly clock: Clock;
  readonly instance: string;
}

export function ledger({ store, clock, instance }: LedgerOptions): Ledger {
  const leasedUntil = ({ leaseMs }: SagaPlan): number => clock.now() + leaseMs;

  async function held(run: Run, statement: Promise<{ readonly changes: number }>): Promise<void> {
    if ((await statement).changes === 0) throw new LeaseLost(run);
  }

  const hold: Ledger["hold"] = async (sql, run) => {
    await held(
      run,
      sql.query(
        `update warren_sagas set due_at = $1, waiting = null,
          since = case when state = 'waiting' then $2 else since end,
          state = case when state = 'waiting' then 'running' else state end
        where saga = $3 and id = $4 and leased_by = $5 and fence = $6`,
        [leasedUntil(run.plan), clock.now(), run.plan.name, run.id, instance, run.fence],
      ),
    );
    if (run.state === "waiting") run.state = "running";
  };

  const change: Ledger["change"] = async (sql, run, { state, dueAt, keep, waiting = null }) => {
    await held(
      run,
      sql.query(
        `update warren_sagas set state = $1, due_at = $2, leased_by = $3, waiting = $4,
          since = case when state = $1 then since else $5 end
        where saga = $6 and id = $7 and leased_by = $8 and fence = $9`,
        [
          ...[state, keep ? leasedUntil(run.plan) : dueAt, keep ? instance : null, waiting, clock.now()],
          ...[run.plan.name, run.id, instance, run.fence],
        ],
      ),
    );
    run.state = state;
  };

  async function putStep(sql: Sql, run: Run, step: StepRow): Promise<void> {
    await hold(sql, run);
    await insertStep(sql, run, step);
  }

  return {
    hold,
    change,
    putStep,
    async claim(plans, limit, busy) {
      const due = await store.query<Pick<RunRow, "saga" | "id" | "version">>(
        `select saga, id, version from warren_sagas where due_at <= $1 and version in ${placeholders(plans.length, 3)}
          order by due_at limit $2`,
        [clock.now(), limit + busy.length, ...plans.map(({ version }) => version)],
      );
      const busyKeys = new Set(busy.map(keyOf));
      const free = due.rows.filter((row) => !busyKeys.has(keyOf(row))).slice(0, limit);
      const claimed = free.map(async ({ saga, id, version }) => {
        const plan = plans.find((each) => each.version === version)!;
        const { rows } = await store.query<RunRow>(
          `update warren_sagas set leased_by = $1, due_at = $2, fence = fence + 1
            where saga = $3 and id = $4 and due_at <= $5 returning *`,
          [instance, leasedUntil(plan), saga, id, clock.now()],
        );
        return rows;
      });
      const settled = await Promise.allSettled(claimed);
      const taken = settled.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
      // What was taken is gone on with, whatever became of the others: nobody else will before its lease is over.
      if (taken.length === 0) await Promise.all(claimed);
      return taken;
    },
    async nextDue(plans) {
      const { rows } = await store.query<{ due_at: number }>(
        `select due_at from warren_sagas where due_at is not null and version in ${placeholders(plans.length)}
          order by due_at limit 1`,
        plans.map(({ version }) => version),
      );
      return rows[0]?.due_at;
    },
    async strangers(plans) {
      const sagas = [...new Set(plans.map(({ name }) => name))];
      const { rows } = await store.query<Strangers>(
        `select saga, version, count(*) as runs, min(id) as id from warren_sagas
          where ended_at is null and saga in ${placeholders(sagas.length)}
            and version not in ${placeholders(plans.length, sagas.length + 1)} group by saga, version`,
        [...sagas, ...plans.map(({ version }) => version)],
      );
      return rows;
    },
    async stepsOf({ saga, id }) {
      const { rows } = await store.query<StepRow & { saga: string; id: string }>(
        "select * from warren_saga_steps where saga = $1 and id = $2",
        [saga, id],
      );
      return rows.map(({ saga: _saga, id: _id, ...step }) => step);
    },
    async renew(plan, leases) {
      const each = leases.map((_, i) => `id = $${2 * i + 4} and fence = $${2 * i + 5}`);
      await store.query(
        `update warren_sagas set due_at = $1 where leased_by = $2 and saga = $3 and (${each.join(" or ")})`,
        [leasedUntil(plan), instance, plan.name, ...leases.flatMap(({ id, fence }) => [id, fence])],
      );
    },
    async saveStep(run, step) {
      await inTransaction(store, (sql) => putStep(sql, run, step));
      noteStep(run, step);
    },
    async fail(run, step, error) {
      const failure = storedFault(error, { saga: run.plan.name, id: run.id, step });
      const row = step === undefined ? undefined : run.steps.get(step);
      await inTransaction(store, async (sql) => {
        await change(sql, run, { state: "compensating", dueAt: null, keep: true });
        await sql.query("update warren_sagas set error = $1 where saga = $2 and id = $3", [
          failure,
          run.plan.name,
          run.id,
        ]);
        if (row !== undefined) await insertStep(sql, run, { ...row, state: "failed", error: failure });
      });
      if (row !== undefined) noteStep(run, { ...row, state: "failed", error: failure });
      run.error = faultFrom(failure);
    },
    async end(run, state, output) {
      await inTransaction(store, async (sql) => {
        await change(sql, run, { state, dueAt: null, keep: false });
        if (state !== "stuck")
          await sql.query(
            `update warren_sagas set output = $1, ended_at = $2, expires_at = $3 where saga = $4 and id = $5`,
            [...[output ?? null, clock.now(), clock.now() + run.plan.keepMs, run.plan.name, run.id]],
          );
      });
    },
    rest: (run, state, dueAt) => change(store, run, { state, dueAt, keep: false }),
    async leave({ saga, id, fence }, dueAt) {
      await store.query(
        `update warren_sagas set due_at = $1, leased_by = null
          where saga = $2 and id = $3 and leased_by = $4 and fence = $5`,
        [dueAt, saga, id, instance, fence],
      );
    },
  };
}

async function insertStep(sql: Sql, run: Run, step: StepRow): Promise<void> {
  const { state, attempts, undo_attempts, result, error, due_at, signal } = step;
  const { anew, traced, began_at, done_at, undone_at } = step;
  await sql.query(
    `insert into warren_saga_steps (saga, id, step, state, attempts, undo_attempts, result, error, due_at, signal,
      anew, traced, began_at, done_at, undone_at) values ${placeholders(15)}
    on conflict (saga, id, step) do update set state = excluded.state, attempts = excluded.attempts,
      undo_attempts = excluded.undo_attempts, result = excluded.result, error = excluded.error,
      due_at = excluded.due_at, signal = excluded.signal, anew = excluded.anew, traced = excluded.traced, done_at = excluded.done_at, undone_at = excluded.undone_at`,
    [
      ...[run.plan.name, run.id, step.step, state, attempts, undo_attempts, result, error, due_at, signal],
      ...[anew, traced, began_at, done_at, undone_at],
    ],
  );
}
