import { describe, expect, it, vi } from "vitest";
import { bulkhead, circuitBreaker } from "../src/index.ts";
import { maxKeys } from "../src/resilience/keyed.ts";
import { depot, doors, guarded, positions, yard } from "./resilience-world.ts";

describe.each(positions)("bulkhead in %s", (position) => {
  it("runs so many at once, lets so many wait, and refuses the rest with OVERLOADED", async () => {
    const door = doors();
    const world = await guarded(position, bulkhead({ concurrency: 2, maxWaiting: 2 }), () => door.enter());
    const taken = [1, 2, 3, 4].map((n) => world.take(n));
    await vi.waitFor(() => expect(door.inside).toBe(2));
    const refused = await world.fault();
    expect(refused).toMatchObject({ code: "OVERLOADED", data: { method: "depot.take", limit: 2 } });
    expect(refused.message).toContain("2 are under way already and 2 wait");
    expect(world.runs()).toBe(2);
    for (let n = 0; n < 4; n++) {
      await vi.waitFor(() => expect(door.inside).toBeGreaterThan(0));
      door.leave();
    }
    await Promise.all(taken);
    expect(world.runs()).toBe(4);
  });

  it("gives a free place to the one that waits the longest", async () => {
    const door = doors();
    const order: number[] = [];
    const world = await guarded(position, bulkhead({ concurrency: 1 }), (n) => (order.push(n), door.enter()));
    const taken = [1, 2, 3, 4].map((n) => world.take(n));
    for (const n of [1, 2, 3, 4]) {
      await vi.waitFor(() => expect(order).toHaveLength(n));
      expect(door.inside).toBe(1);
      door.leave();
    }
    await Promise.all(taken);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  it("frees the place of one that failed", async () => {
    const world = await guarded(position, bulkhead({ concurrency: 1, maxWaiting: 0 }), () => {
      throw new Error("no");
    });
    for (let n = 0; n < 5; n++) expect((await world.fault()).code).toBe("INTERNAL");
  });

  it("does not let one whose time is up wait on", async () => {
    const door = doors();
    const world = await guarded(position, bulkhead({ concurrency: 1, maxWaiting: 1 }), () => door.enter());
    const first = world.take();
    await vi.waitFor(() => expect(door.inside).toBe(1));
    const late = world.fault(0, { timeoutMs: 300 });
    await world.clock.advance(400);
    expect((await late).code).toBe(position === "outgoing" ? "OVERLOADED" : "TIMEOUT");
    // Its place in the line is free again.
    const next = world.take();
    await world.clock.advance(0);
    door.leave();
    await vi.waitFor(() => expect(world.runs()).toBe(2));
    door.leave();
    await Promise.all([first, next]);
  });
});

describe("bulkhead around calls", () => {
  it("takes the waiting off the timeout of a call", async () => {
    const door = doors();
    const seen: (number | undefined)[] = [];
    const world = await guarded("outgoing", bulkhead({ concurrency: 1 }), () => door.enter(), {
      outgoing: [
        bulkhead({ concurrency: 1 }),
        (next) => (call) => {
          seen.push(call.options.timeoutMs);
          return next(call);
        },
      ],
    });
    const first = world.take(0, { timeoutMs: 5_000 });
    const second = world.take(0, { timeoutMs: 3_000 });
    await world.clock.advance(1_200);
    door.leave();
    await vi.waitFor(() => expect(seen).toEqual([5_000, 1_800]));
    await vi.waitFor(() => expect(door.inside).toBe(1));
    door.leave();
    await Promise.all([first, second]);
  });

  it("does not wait longer than the handler that makes the call may take", async () => {
    const door = doors();
    const world = await guarded("outgoing", bulkhead({ concurrency: 1, per: ({ id }) => id }), () =>
      door.enter(),
    );
    const first = world.take();
    await vi.waitFor(() => expect(door.inside).toBe(1));
    // The handler of `yard.ask` has a second; `depot.take` alone would have a minute.
    const asked = world.app.client(yard).ask();
    const outcome = expect(asked).rejects.toMatchObject({
      code: expect.stringMatching(/TIMEOUT|OVERLOADED/),
    });
    await world.clock.advance(1_100);
    await outcome;
    door.leave();
    await first;
    await world.clock.advance(100);
    expect(world.runs()).toBe(1);
  });

  it("lets a cancelled call leave the line", async () => {
    const door = doors();
    const world = await guarded("outgoing", bulkhead({ concurrency: 1 }), () => door.enter());
    const first = world.take();
    const cancel = new AbortController();
    const second = world.fault(0, { signal: cancel.signal });
    cancel.abort();
    expect((await second).code).toBe("CANCELLED");
    await vi.waitFor(() => expect(door.inside).toBe(1));
    door.leave();
    await first;
    expect(world.runs()).toBe(1);
  });

  it("does not open a circuit breaker around it", async () => {
    const door = doors();
    const world = await guarded("outgoing", bulkhead({ concurrency: 1 }), () => door.enter(), {
      outgoing: [circuitBreaker({ minimum: 2 }), bulkhead({ concurrency: 1, maxWaiting: 0 })],
    });
    const first = world.take();
    for (let n = 0; n < 5; n++) expect((await world.fault()).code).toBe("OVERLOADED");
    await vi.waitFor(() => expect(door.inside).toBe(1));
    door.leave();
    await first;
  });
});

describe("bulkhead", () => {
  it("keeps a place for a handler that was given up until it really ends", async () => {
    const door = doors();
    const world = await guarded("use", bulkhead({ concurrency: 1, maxWaiting: 0 }), () => door.enter());
    const late = world.fault(0, { timeoutMs: 100 });
    await world.clock.advance(200);
    expect((await late).code).toBe("TIMEOUT");
    expect((await world.fault()).code).toBe("OVERLOADED");
    door.leave();
    await world.clock.advance(0);
    const again = world.take();
    await vi.waitFor(() => expect(door.inside).toBe(1));
    door.leave();
    await again;
  });

  it("keeps a bounded number of keys apart, and forgets those that are idle", async () => {
    const door = doors();
    const guard = bulkhead({ concurrency: 1, per: ({ principal }) => principal?.subject });
    const world = await guarded("outgoing", guard, () => door.enter(), { limits: { calls: 20_000 } });
    const as = (subject: string) => ({ principal: { subject, scopes: [] } });
    const taken = Array.from({ length: maxKeys }, (_, n) => world.take(0, as(`${n}`)));
    expect(await world.fault(0, as("one more"))).toMatchObject({
      code: "OVERLOADED",
      data: { limit: maxKeys },
    });
    await vi.waitFor(() => expect(door.inside).toBe(100));
    const settled = Promise.all(taken);
    while (world.runs() < maxKeys || door.inside > 0) {
      while (door.inside > 0) door.leave();
      await world.clock.advance(0);
    }
    await settled;
    const more = world.take(0, as("one more"));
    await vi.waitFor(() => expect(door.inside).toBe(1));
    door.leave();
    await more;
  });

  it.each([
    [{ concurrency: 0 }, "concurrency is 0"],
    [{ concurrency: 1, maxWaiting: -1 }, "maxWaiting is -1"],
  ])("refuses %o", (options, text) => {
    expect(() => bulkhead(options)).toThrow(text);
  });

  it("says what to do where it is not told its place", () => {
    expect(() => (bulkhead({ concurrency: 1 }) as any)(() => 0)).toThrow("(next, place) => …");
  });

  it("can be used within middleware of one's own", async () => {
    const guard = bulkhead({ concurrency: 1, maxWaiting: 0 });
    const door = doors();
    const world = await guarded("outgoing", guard, () => door.enter(), {
      outgoing: [
        (next, place) => {
          const narrow = guard(next, place);
          return (call) => (call.method.name === "take" ? narrow(call) : next(call));
        },
      ],
    });
    const first = world.take();
    expect((await world.fault()).code).toBe("OVERLOADED");
    const look = world.app.client(depot).look();
    await vi.waitFor(() => expect(door.inside).toBe(2));
    door.leave();
    door.leave();
    await Promise.all([first, look]);
  });
});
