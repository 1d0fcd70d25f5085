import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, killedAtEveryBoundary } from "./kill-world.ts";
import { type FreshDatabase, stores } from "./stores.ts";

describe.each(stores)("a call with a key, and a reaction to what it emits, on $name", ({ name, fresh }) => {
  it("are done once, and answered the same, at whatever boundary the process is killed", {
    timeout: 600_000,
  }, async () => {
    const databases = new Map<string, FreshDatabase>();
    await killedAtEveryBoundary(
      {
        program: "paying.ts",
        async fresh() {
          const database = await fresh();
          databases.set(database.location, database);
          return { place: database, env: { KILL_BROKER: join(folder(), "broker") } };
        },
        async check(place, _killedAt, said) {
          const store = databases.get(place.location)!.open();
          const { rows: paid } = await store.query("select n, receipt from paid");
          const { rows: booked } = await store.query("select n from booked");
          const { rows: left } = await store.query("select id from warren_outbox");
          const { rows: unanswered } = await store.query("select key from warren_answers where body is null");
          await store.close();
          const answers = new Set(said);
          const kinds = [...answers].map((answer) => answer.split(" ").slice(0, 2).join(" "));
          expect(kinds.toSorted((a, b) => a.localeCompare(b))).toEqual(["paid 1", "refused 2"]);
          expect(paid.map(({ n, receipt }) => `paid ${n} ${receipt}`)).toEqual(
            [...answers].filter((answer) => answer.startsWith("paid")),
          );
          expect([booked, left, unanswered]).toEqual([[{ n: 1 }], [], []]);
        },
      },
      // On PostgreSQL what runs side by side takes turns by chance, and one may be missed.
      name !== "sqlite"
        ? []
        : [
            "insert into warren_answers",
            "insert into paid",
            "update warren_answers",
            "insert into warren_inbox",
            "insert into booked",
            "commit",
            "rollback",
            "the settlement of till.paid",
            "the settlement of till.pay:",
          ],
    );
  });
});
