import { inTransaction, type Store } from "../store.ts";
import type { Migration } from "./migration.ts";
import { migrations } from "./migrations.ts";

/**
 * Brings Warren's own tables to this version's form. Several processes may do so at once: one does, the others wait.
 * @throws Error where the database was migrated by a later version of Warren, which this one does not understand
 */
export async function migrate(store: Store, wanted: readonly Migration[] = migrations): Promise<void> {
  const latest = wanted.length;
  const before = await versionOf(store);
  if (before === latest) return;
  await inTransaction(store, async (sql) => {
    const lock = store.dialect.lock("warren migrations");
    if (lock !== undefined) await sql.query(lock);
    await sql.query("create table if not exists warren_migrations (version bigint primary key)");
    const { rows } = await sql.query<{ version: number | null }>(
      "select max(version) as version from warren_migrations",
    );
    const done = rows[0]?.version ?? 0;
    if (done > latest)
      throw new Error(
        `The tables of Warren in this database (${store.name}) are of version ${done}; this version of Warren knows ${latest}. Start a newer one.`,
      );
    for (const [index, { up }] of wanted.entries()) {
      if (index < done) continue;
      for (const statement of up(store.dialect)) await sql.query(statement);
      await sql.query("insert into warren_migrations (version) values ($1)", [index + 1]);
    }
  });
}

/** Without taking the lock, as most starts find everything done. `undefined` where nothing is there yet. */
async function versionOf(store: Store): Promise<number | undefined> {
  try {
    const { rows } = await store.query<{ version: number | null }>(
      "select max(version) as version from warren_migrations",
    );
    return rows[0]?.version ?? undefined;
  } catch {
    // There is no such table yet, or no database: what follows says which.
    return undefined;
  }
}
