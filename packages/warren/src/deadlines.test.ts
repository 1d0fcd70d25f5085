import { expect, it } from "vitest";
import { deadlines, type Expiring } from "./deadlines.ts";
import { virtualClock } from "./testing/virtual-clock.ts";
import type { Clock } from "./time.ts";

it.each([-3_600_000, 3_600_000])("expires in its time when the machine's is set by %d ms", async (jumpMs) => {
  const virtual = virtualClock();
  let skewMs = 0;
  const clock: Clock = { ...virtual, now: () => virtual.now() + skewMs, steady: () => virtual.now() };
  const expired: string[] = [];
  const expiring = deadlines<Expiring & { name: string }>(clock, ({ name }) => expired.push(name));
  expiring.add({ name: "first", deadline: clock.now() + 1_000 });
  expiring.add({ name: "last", deadline: clock.now() + 3_000 });
  await virtual.advance(500);
  skewMs = jumpMs;
  expiring.add({ name: "middle", deadline: clock.now() + 1_500 });
  await virtual.advance(490);
  expect(expired).toEqual([]);
  await virtual.advance(20);
  expect(expired).toEqual(["first"]);
  await virtual.advance(1_000);
  expect(expired).toEqual(["first", "middle"]);
  await virtual.advance(1_000);
  expect(expired).toEqual(["first", "middle", "last"]);
});
