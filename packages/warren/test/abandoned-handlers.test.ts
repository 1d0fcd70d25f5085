import { expect, it, vi } from "vitest";
import { doors, guarded } from "./resilience-world.ts";

it("handlers that never end stop new ones with OVERLOADED at a limit, until some of them do end", async () => {
  const door = doors();
  const limits = { abandoned: 3 };
  const world = await guarded(
    "use",
    (next: any) => next,
    () => door.enter(),
    { limits },
  );
  const late = [1, 2, 3].map(() => world.fault(0, { timeoutMs: 100 }));
  await world.clock.advance(200);
  expect((await Promise.all(late)).map(({ code }) => code)).toEqual(["TIMEOUT", "TIMEOUT", "TIMEOUT"]);
  const refused = await world.fault();
  expect(refused).toMatchObject({ code: "OVERLOADED", data: { limit: 3 }, from: "depot" });
  expect(refused.message).toContain("Give their `signal` to what they wait for");
  expect(world.runs()).toBe(3);
  door.leave();
  await world.clock.advance(0);
  const last = world.take();
  await vi.waitFor(() => expect(world.runs()).toBe(4));
  while (door.inside > 0) door.leave();
  await last;
});
