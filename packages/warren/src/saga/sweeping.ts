import { inTransaction, type Sql, type Store } from "../store.ts";
import type { SagaPlan } from "./plan.ts";

const batch = 500;
/** A signal is of use for as long as a run may ask for it, and some time more for runs whose processes are down. */
const spareMs = 86_400_000;

/** Deletes runs that ended long enough ago, and signals that no run will take. */
export async function sweep(store: Store, plans: readonly SagaPlan[], now: number): Promise<void> {
  for (const name of new Set(plans.map((plan) => plan.name))) {
    const versions = plans.filter((plan) => plan.name === name);
    const keepMs = Math.max(...versions.map((plan) => plan.keepMs));
    while ((await inTransaction(store, (sql) => deleteRuns(sql, name, now - keepMs))) === batch);
    const waits = versions.flatMap(({ stages }) => stages.filter((stage) => stage.kind === "wait"));
    if (waits.length === 0) continue;
    const earlyMs = Math.max(...waits.map((wait) => wait.earlyMs));
    await store.query(
      `delete from warren_saga_signals where saga = $1 and received_at < $2 and not exists (
        select 1 from warren_sagas as runs where runs.saga = warren_saga_signals.saga
          and runs.waiting = warren_saga_signals.step || $3 || warren_saga_signals.key)`,
      [name, now - earlyMs - spareMs, "\n"],
    );
  }
}

async function deleteRuns(sql: Sql, saga: string, before: number): Promise<number> {
  const { rows } = await sql.query<{ id: string }>(
    `delete from warren_sagas where saga = $1 and id in (
      select id from warren_sagas where saga = $1 and ended_at < $2 order by id limit $3) returning id`,
    [saga, before, batch],
  );
  for (const { id } of rows)
    await sql.query("delete from warren_saga_steps where saga = $1 and id = $2", [saga, id]);
  return rows.length;
}
