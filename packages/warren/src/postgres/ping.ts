import pg, { type PoolConfig } from "pg";
import { StoreUnreachable } from "../store.ts";
import { isLost, reasonOf } from "./place.ts";

/** Asks the database whether it is there, on a connection of its own: those of the pool may all be busy, which is no harm. */
export interface Pings {
  /** Those who ask at the same time are told by one question. @throws StoreUnreachable */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Nothing is connected before the first question; after that the connection is kept. */
export function pings(settings: PoolConfig, place: string): Pings {
  let connected: pg.Client | undefined;
  let asking: Promise<void> | undefined;

  async function connect(timeoutMs: number): Promise<pg.Client> {
    const { password } = settings;
    const client = new pg.Client({
      ...settings,
      // A pool hides it from whoever copies its settings.
      ...(password !== undefined && { password }),
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
    });
    client.on("error", () => forget(client));
    try {
      await client.connect();
    } catch (error) {
      forget(client);
      throw error;
    }
    connected = client;
    return client;
  }

  function forget(client: pg.Client): void {
    if (connected === client) connected = undefined;
    // With a question under way the driver does not wait for its end.
    client.end().catch(() => {});
  }

  async function ask(timeoutMs: number): Promise<void> {
    for (;;) {
      const kept = connected;
      const client = kept ?? (await connect(timeoutMs));
      try {
        await client.query("select 1");
        return;
      } catch (error) {
        forget(client);
        // It may have been lost while nobody used it, and a new one may well work.
        if (kept !== undefined && isLost(error)) continue;
        throw error;
      }
    }
  }

  return {
    ping(timeoutMs) {
      asking ??= ask(timeoutMs)
        .catch((error: unknown) => {
          throw new StoreUnreachable(
            `The PostgreSQL database ${place} does not answer: ${reasonOf(error)}`,
            error,
          );
        })
        .finally(() => {
          asking = undefined;
        });
      return asking;
    },
    async close() {
      await asking?.catch(() => {});
      await connected?.end().catch(() => {});
    },
  };
}
