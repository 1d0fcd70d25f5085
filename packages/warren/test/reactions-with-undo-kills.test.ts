import { join } from "node:path";
import { expect, it } from "vitest";
import { postgres } from "../src/postgres/index.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { folder, killedAtEveryBoundary, type Place } from "./kill-world.ts";
import { stores } from "./stores.ts";

async function foundIn({ kind, location }: Place) {
  const store = kind === "sqlite" ? sqlite({ file: location }) : postgres({ url: location });
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

const ends = [
  { end: "undone", ledger: ["release", "reserve"], goods: [10, 0], states: ["undone"] },
  { end: "overtaken", ledger: [], goods: [10, 0], states: ["skipped"] },
  { end: "given-up", ledger: ["gave up", "heard"], goods: [10, 0], states: ["given-up"] },
];
const cases = stores.flatMap((store) => ends.map((expected) => ({ ...store, ...expected })));

it.each(cases)(
  "what is $end on $name is so once, and the totals balance, at whatever boundary the process is killed",
  {
    timeout: 900_000,
  },
  async ({ fresh, end, ledger, goods, states }) => {
    const parts = [
      "commit",
      "insert into warren_undone",
      "insert into warren_journal",
      "update warren_journal",
    ];
    const there =
      end === "overtaken" ? parts.slice(0, 3) : end === "given-up" ? [parts[0]!, ...parts.slice(2)] : parts;
    await killedAtEveryBoundary(
      {
        program: "undone.ts",
        async fresh() {
          const { kind, location } = await fresh();
          return {
            place: { kind, location },
            env: { KILL_BROKER: join(folder(), "broker"), KILL_CASE: end },
          };
        },
        async check(place) {
          expect(await foundIn(place)).toEqual({ ledger, goods, states, waiting: 0 });
        },
      },
      there.flatMap((part) => [`before ${part}`, `after ${part}`]),
    );
  },
);
