import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Store } from "../src/index.ts";
import { postgres } from "../src/postgres/index.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { folder, killedAtEveryBoundary, type Place } from "./kill-world.ts";
import { stores } from "./stores.ts";

const at = Date.parse("2026-03-02T03:00:00Z");

async function totalsOf({ kind, location }: Place) {
  const store: Store = kind === "sqlite" ? sqlite({ file: location }) : postgres({ url: location });
  const all = async (text: string): Promise<unknown[]> => [...(await store.query(text)).rows];
  const totals = {
    runs: await all("select at, missed from runs"),
    heard: await all("select at from heard"),
    outbox: await all("select id from warren_outbox"),
    schedule: await all("select state, passed_at from warren_schedules"),
  };
  await store.close();
  return totals;
}

describe.each(stores)("schedules on $name", ({ fresh }) => {
  it("do a time once, with what it emits, at whatever boundary the process is killed", {
    timeout: 600_000,
  }, async () => {
    await killedAtEveryBoundary(
      {
        program: "scheduled.ts",
        fresh: async () => ({ place: await fresh(), env: { KILL_BROKER: join(folder(), "broker") } }),
        async check(place) {
          expect(await totalsOf(place)).toEqual({
            runs: [{ at, missed: 0 }],
            heard: [{ at }],
            outbox: [],
            schedule: [{ state: "done", passed_at: at }],
          });
        },
      },
      [
        "update warren_schedules set state",
        "insert into runs",
        "insert into warren_outbox",
        "commit",
      ].flatMap((part) => [`before ${part}`, `after ${part}`]),
    );
  });
});
