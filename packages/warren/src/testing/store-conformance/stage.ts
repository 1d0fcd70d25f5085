import { rejects } from "node:assert/strict";
import type { Sql, Store } from "../../store.ts";
import { delay, systemClock } from "../../time.ts";

/** One thing that every store does. */
export interface StoreBehaviour {
  readonly title: string;
  run(stage: StoreStage): Promise<void>;
}

/** A database of its own, on which a behaviour is shown. */
export interface StoreStage {
  /** An opened store on it; several are as several processes. Closed behind the test. */
  open<D = Sql>(options?: { readonly client?: (sql: Sql) => D }): Promise<Store<D>>;
  /** One that nobody has opened yet. */
  make(): Store;
}

/** A database that nothing else uses. */
export interface ConformanceDatabase {
  /** A store on it, not opened; each call makes another one. */
  store<D = Sql>(options?: { readonly client?: (sql: Sql) => D }): Store<D>;
  /** Deletes it. Its stores are closed by then. */
  discard(): Promise<void>;
}

/** @returns the stage, and what closes everything behind it */
export async function storeStage(
  create: () => ConformanceDatabase | Promise<ConformanceDatabase>,
): Promise<{ readonly stage: StoreStage; close(): Promise<void> }> {
  const database = await create();
  const made: Pick<Store, "close">[] = [];
  const make: ConformanceDatabase["store"] = (options) => {
    const store = database.store(options);
    made.push(store);
    return store;
  };
  return {
    stage: {
      make,
      async open(options) {
        const store = make(options);
        await store.open();
        return store;
      },
    },
    async close() {
      for (const store of made) await store.close();
      await database.discard();
    },
  };
}

/** A table with a key and a number for each. */
export async function counters(store: Store<any>, ...ids: string[]): Promise<void> {
  await store.query("create table counters (id text primary key, n bigint not null)");
  for (const id of ids) await store.query("insert into counters (id, n) values ($1, 0)", [id]);
}

/** What is committed. */
export async function countOf(sql: Sql, id: string): Promise<number | undefined> {
  const { rows } = await sql.query<{ n: number }>("select n from counters where id = $1", [id]);
  return rows[0]?.n;
}

const patienceMs = 10_000;

/** The promise has to fail, and before long. */
export async function fails(promise: Promise<unknown>, what?: RegExp): Promise<void> {
  const failing = promise.then(
    () => undefined,
    (error: unknown) => Promise.reject(error),
  );
  const late = delay(systemClock, patienceMs).then(() => undefined);
  await rejects(Promise.race([failing, late]), (error: unknown) => {
    return error instanceof Error && (what === undefined || what.test(error.message));
  });
}

/** It has to be the store that refuses it, and not the database that fails. */
export async function refuses(promise: Promise<unknown>, what: RegExp): Promise<void> {
  await rejects(promise, (error: unknown) => error instanceof TypeError && what.test(error.message));
}
