import type { Pool, PoolClient } from "pg";
import { StoreUnreachable } from "../store.ts";
import { isLost, reasonOf } from "./place.ts";

/** The connections of one store: at most so many at once, the others wait for their turn. */
export interface Connections {
  /** @throws Error naming the database that cannot be reached */
  take(): Promise<Connection>;
  /** Resolves when none is taken and nobody waits. */
  idle(): Promise<void>;
}

/** One connection while it is taken. */
export interface Connection {
  readonly client: PoolClient;
  /** Whether it was there before, and may have been lost since without anybody noticing. */
  readonly isUsed: boolean;
  /** Why it is of no use any more. */
  readonly lost: () => Error | undefined;
  /** Gives it back; once. `broken` ones are not used again. */
  release(broken?: boolean): void;
}

export function connections(pool: Pool, most: number, place: string): Connections {
  const waiting: (() => void)[] = [];
  const idlers: (() => void)[] = [];
  const seen = new WeakSet<PoolClient>();
  let taken = 0;

  function pass(): void {
    const next = waiting.shift();
    if (next !== undefined) return next();
    taken--;
    if (taken === 0) for (const resolve of idlers.splice(0)) resolve();
  }

  async function turn(): Promise<void> {
    if (taken >= most) return new Promise((resolve) => void waiting.push(resolve));
    taken++;
  }

  return {
    async take() {
      await turn();
      let client: PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        pass();
        throw new StoreUnreachable(
          `The PostgreSQL database ${place} cannot be reached: ${reasonOf(error)}`,
          error,
        );
      }
      const isUsed = seen.has(client);
      // A connection may end while no statement is under way, and while it is closed. Nobody listening ends the process.
      if (!isUsed) client.on("error", () => {});
      seen.add(client);
      let lost: Error | undefined;
      const onError = (error: Error): void => {
        lost ??= error;
      };
      client.on("error", onError);
      return {
        client,
        isUsed,
        lost: () => lost,
        release(broken = false) {
          client.release(broken || lost !== undefined);
          client.off("error", onError);
          pass();
        },
      };
    },
    idle: async () => (taken > 0 ? new Promise<void>((resolve) => void idlers.push(resolve)) : undefined),
  };
}

/** What a statement that failed on a connection means to who made it. */
export function failureOf(error: unknown, connection: Connection, place: string, then: string): unknown {
  const lost = connection.lost() ?? (isLost(error) ? error : undefined);
  if (lost === undefined) return error;
  return new StoreUnreachable(
    `The connection to the PostgreSQL database ${place} was lost (${reasonOf(lost)}). ${then}`,
    error,
  );
}
