import { describe, expect, it, vi } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import { app, rateLimit, service, silent } from "../src/index.ts";
import { depot, guarded, positions } from "./resilience-world.ts";

describe.each(positions)("rateLimit in %s", (position) => {
  it("lets a burst pass, then so many a second, and says when there is room again", async () => {
    const world = await guarded(position, rateLimit({ perSecond: 10, burst: 3 }), () => "taken");
    for (let n = 0; n < 3; n++) expect(await world.take()).toBe("taken");
    const refused = await world.fault();
    expect(refused).toMatchObject({
      code: "OVERLOADED",
      data: { service: "depot", method: "depot.take", limit: 10, retryAfterMs: 100 },
    });
    expect(refused.message).toContain("more than 10 a second");
    await world.clock.advance(100);
    expect(await world.take()).toBe("taken");
    expect((await world.fault()).code).toBe("OVERLOADED");
    await world.clock.advance(60_000);
    for (let n = 0; n < 3; n++) expect(await world.take()).toBe("taken");
    expect((await world.fault()).code).toBe("OVERLOADED");
  });

  it("with `wait`, delays instead, in order, as many as may wait", async () => {
    const order: number[] = [];
    const guard = rateLimit({ perSecond: 2, burst: 1, wait: true, maxWaiting: 2 });
    const world = await guarded(position, guard, (n) => order.push(n));
    const taken = [1, 2, 3].map((n) => world.take(n));
    await world.clock.advance(0);
    expect(await world.fault(4)).toMatchObject({
      code: "OVERLOADED",
      data: { limit: 2, retryAfterMs: 1_500 },
    });
    expect(order).toEqual([1]);
    await world.clock.advance(500);
    expect(order).toEqual([1, 2]);
    await world.clock.advance(500);
    expect(order).toEqual([1, 2, 3]);
    await Promise.all(taken);
  });

  it("with `wait`, refuses at once what would wait beyond its deadline", async () => {
    const world = await guarded(position, rateLimit({ perSecond: 1, wait: true }), () => "taken");
    await world.take();
    expect(await world.fault(0, { timeoutMs: 900 })).toMatchObject({
      code: "OVERLOADED",
      data: { retryAfterMs: 1_000 },
    });
    const last = world.take(0, { timeoutMs: 1_500 });
    await world.clock.advance(1_000);
    expect(await last).toBe("taken");
  });

  it("takes less than one a second", async () => {
    const world = await guarded(position, rateLimit({ perSecond: 0.1 }), () => "taken");
    await world.take();
    expect((await world.fault()).data).toMatchObject({ retryAfterMs: 10_000 });
    await world.clock.advance(10_000);
    expect(await world.take()).toBe("taken");
  });

  it("counts each caller by itself where it is told to", async () => {
    const guard = rateLimit({ perSecond: 1, per: ({ principal }) => principal?.subject });
    const world = await guarded(position, guard, () => "taken");
    const as = (subject: string) => ({ principal: { subject, scopes: [] } });
    await world.take(0, as("ann"));
    expect((await world.fault(0, as("ann"))).code).toBe("OVERLOADED");
    expect(await world.take(0, as("bob"))).toBe("taken");
    for (let n = 0; n < 5; n++) expect(await world.take()).toBe("taken");
  });
});

describe("rateLimit", () => {
  it("gives the turn back of a call that was cancelled while it waited", async () => {
    const world = await guarded("outgoing", rateLimit({ perSecond: 1, wait: true }), () => "taken");
    await world.take();
    const cancel = new AbortController();
    const waiting = world.fault(0, { signal: cancel.signal });
    await world.clock.advance(100);
    cancel.abort();
    expect((await waiting).code).toBe("CANCELLED");
    expect(world.runs()).toBe(1);
    const next = world.take();
    await world.clock.advance(900);
    expect(await next).toBe("taken");
  });

  it("has a reaction tried again that came too soon, so that each is done once", async () => {
    const done: number[] = [];
    const depotService = service(depot, {
      methods: { take: () => 0, look: () => 0 },
      use: [rateLimit({ perSecond: 20, burst: 1 })],
      retry: { attempts: 50, baseMs: 1, capMs: 1 },
      on: { "depot.moved": ({ n }) => done.push(n) },
    });
    await using made = app({ transport: embedded(), services: [depotService], log: silent });
    await made.start();
    for (let n = 0; n < 5; n++) await made.emit(depot.events.moved, { n });
    await vi.waitFor(() => expect(done.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]), {
      timeout: 5_000,
    });
  });

  it.each([
    [{ perSecond: 0 }, "perSecond is 0"],
    [{ perSecond: Number.NaN }, "perSecond is NaN"],
    [{ perSecond: 1, burst: 0 }, "burst is 0"],
    [{ perSecond: 1, maxWaiting: 0.5 }, "maxWaiting is 0.5"],
  ])("refuses %o", (options, text) => {
    expect(() => rateLimit(options)).toThrow(TypeError);
    expect(() => rateLimit(options)).toThrow(text);
  });
});
