import { join } from "node:path";
import { expect, it } from "vitest";
import { sqlite } from "../src/sqlite/index.ts";
import { folder, killedAtEveryBoundary, type Place, sqlitePlace } from "./kill-world.ts";

async function foundIn({ location }: Place) {
  const store = sqlite({ file: location });
  const rows = async <R extends object>(text: string) => (await store.query<R>(text)).rows;
  const found = {
    ledger: (await rows<{ what: string }>("select what from ledger")).map(({ what }) => what).sort(),
    goods: (await rows<{ n: number }>("select n from goods order by place desc")).map(({ n }) => n),
    states: (await rows<{ state: string }>("select state from warren_journal")).map(({ state }) => state),
    waiting: (await rows("select id from warren_outbox")).length,
  };
  await store.close();
  return found;
}

const cases = [
  { name: "undone", ledger: ["release", "reserve"], goods: [10, 0], states: ["undone"] },
  { name: "overtaken", ledger: [], goods: [10, 0], states: ["skipped"] },
  { name: "given-up", ledger: ["gave up", "heard"], goods: [10, 0], states: ["given-up"] },
];

it.each(cases)(
  "what is $name is so once, and the totals balance, at whatever boundary the process is killed",
  {
    timeout: 900_000,
  },
  async ({ name, ...expected }) => {
    const parts = [
      "commit",
      "insert into warren_undone",
      "insert into warren_journal",
      "update warren_journal",
    ];
    const there =
      name === "overtaken" ? parts.slice(0, 3) : name === "given-up" ? [parts[0]!, ...parts.slice(2)] : parts;
    await killedAtEveryBoundary(
      {
        program: "undone.ts",
        fresh: () => ({
          place: sqlitePlace(),
          env: { KILL_BROKER: join(folder(), "broker"), KILL_CASE: name },
        }),
        async check(place) {
          expect(await foundIn(place)).toEqual({ ...expected, waiting: 0 });
        },
      },
      there.flatMap((part) => [`before ${part}`, `after ${part}`]),
    );
  },
);
