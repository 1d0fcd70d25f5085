import { join } from "node:path";
import { expect, it } from "vitest";
import { sqlite } from "../src/sqlite/index.ts";
import { folder, killedAtEveryBoundary, type Place, sqlitePlace } from "./kill-world.ts";

async function effectsIn(place: Place): Promise<string[]> {
  const store = sqlite({ file: place.location });
  const { rows } = await store.query<{ service: string; n: number }>("select service, n from effects");
  await store.close();
  return rows.map(({ service, n }) => `${service} ${n}`).sort();
}

it("loses no event and has each effect once, at whatever boundary the process is killed", {
  timeout: 180_000,
}, async () => {
  const boundaries = await killedAtEveryBoundary({
    program: "kept-moving.ts",
    fresh: () => ({ place: sqlitePlace(), env: { KILL_BROKER: join(folder(), "broker") } }),
    async check(place) {
      expect(await effectsIn(place)).toEqual(["books 1", "books 2", "stock 1", "stock 2"]);
    },
  });
  // It is killed where it matters.
  for (const part of [
    "commit",
    "insert into warren_outbox",
    "the publish of stock.moved",
    "delete from warren_outbox",
  ])
    for (const side of ["before", "after"])
      expect(boundaries.some((each) => each.startsWith(`${side} ${part}`))).toBe(true);
});
