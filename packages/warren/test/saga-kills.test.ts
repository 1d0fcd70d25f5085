import { join } from "node:path";
import { expect, it } from "vitest";
import { postgres } from "../src/postgres/index.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { folder, killedAtEveryBoundary, type Place } from "./kill-world.ts";
import { stores } from "./stores.ts";

/** What there is of each order in each place, and how many moves led to it. */
async function movesIn({ kind, location }: Place): Promise<Record<string, string>> {
  const store = kind === "sqlite" ? sqlite({ file: location }) : postgres({ url: location });
  const { rows } = await store.query<{ place: string; what: string; sum: number; count: number }>(
    "select place, what, cast(sum(n) as bigint) as sum, count(*) as count from moves group by place, what",
  );
  await store.close();
  return Object.fromEntries(
    rows.map(({ place, what, sum, count }) => [`${place} ${what}`, `${sum} by ${count}`]),
  );
}

const cases = stores.flatMap((store) => [
  { ...store, ships: true, way: "forward" },
  { ...store, ships: false, way: "forward and back" },
]);

it.each(cases)(
  "a saga on $name does each thing once, $way, at whatever statement its process is killed",
  { timeout: 600_000 },
  async ({ fresh, ships }) => {
    await killedAtEveryBoundary(
      {
        program: "saga-orders.ts",
        async fresh() {
          const { kind, location } = await fresh();
          const env = { KILL_BROKER: join(folder(), "broker"), SHIPS: String(ships) };
          return { place: { kind, location }, env };
        },
        async check(place, _, said) {
          // Killed after all was done, it says so again.
          expect(new Set(said)).toEqual(new Set([ships ? "done order" : "failed NO_TRUCK"]));
          const {
            "notes order": notes = "0 by 2",
            "shelf order": shelf = "0 by 2",
            ...rest
          } = await movesIn(place);
          // On the way back there is nothing to undo of what had not ended.
          expect([notes, shelf]).toEqual(ships ? ["1 by 1", "-1 by 1"] : ["0 by 2", "0 by 2"]);
          expect(rest).toEqual(
            ships ? { "bank order": "10 by 1", "shipped order": "1 by 1" } : { "bank order": "0 by 2" },
          );
        },
      },
      [
        "before begin",
        "before commit",
        "before insert into warren_sagas",
        "before insert into warren_saga_steps",
        "before insert into warren_saga_signals",
        "before update warren_sagas set state",
        "before insert into moves",
      ],
    );
  },
);
