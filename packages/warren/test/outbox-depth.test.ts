import { beforeEach, describe, expect, it } from "vitest";
import { outboxDepth } from "../src/outbox/depth.ts";
import { migrate } from "../src/store/migrate.ts";
import type { Store } from "../src/store.ts";
import { stores } from "./stores.ts";

const now = 1_000_000;

describe.each(stores)("The depth of an outbox on $name", ({ fresh }) => {
  let store: Store;
  beforeEach(async () => {
    store = (await fresh()).open();
    await store.open();
    await migrate(store);
  });

  async function entry(id: string, wantedAt: number, dueAt: number): Promise<void> {
    await store.query(
      `insert into warren_outbox (id, service, kind, type, conversation, message, body, due_at, wanted_at,
        attempts, failures, created_at) values ($1, 's', 'event', 's.e', 'c', '{}', $2, $3, $4, 1, 0, 0)`,
      [id, new Uint8Array(), dueAt, wantedAt],
    );
  }

  it("is nothing where nothing waits", async () => {
    expect(await outboxDepth(store, now)).toEqual({ entries: 0, oldestAgeMs: 0 });
  });

  it("counts timers, whose time has not come, and tells the age of what waits for its next try", async () => {
    await entry("timer", now + 5_000, now + 5_000);
    expect(await outboxDepth(store, now)).toEqual({ entries: 1, oldestAgeMs: 0 });
    await entry("retried", now - 90_000, now + 60_000);
    await entry("new", now - 10, now - 10);
    expect(await outboxDepth(store, now)).toEqual({ entries: 3, oldestAgeMs: 90_000 });
  });
});
