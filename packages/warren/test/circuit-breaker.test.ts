import { describe, expect, it, vi } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import { app, type CircuitChange, circuitBreaker, Fault, isFault, service, silent } from "../src/index.ts";
import { depot, guarded, positions } from "./resilience-world.ts";

const small = { minimum: 4, latest: 10, openMs: 1_000, maxOpenMs: 3_000 };

/** A dependency that fails until it is told otherwise. */
function patient() {
  const state = { ill: true };
  const take = (): string => {
    if (state.ill) throw new Error("the disk is gone");
    return "taken";
  };
  return { state, take };
}

describe.each(positions)("circuitBreaker in %s", (position) => {
  it("refuses at once when too many of the latest tries failed, and says when it tries again", async () => {
    const { take } = patient();
    const world = await guarded(position, circuitBreaker(small), take);
    for (let n = 0; n < 4; n++) expect((await world.fault()).code).toBe("INTERNAL");
    await world.clock.advance(400);
    const refused = await world.fault();
    expect(refused).toMatchObject({
      code: "UNAVAILABLE",
      data: { service: "depot", method: "depot.take", retryAfterMs: 600 },
    });
    expect(refused.message).toContain("4 of the last 4 tries failed. It is tried again in 600 ms");
    expect(world.runs()).toBe(4);
  });

  it("closes when a trial succeeds", async () => {
    const { state, take } = patient();
    const changes: CircuitChange[] = [];
    const world = await guarded(
      position,
      circuitBreaker({ ...small, onChange: (c) => changes.push(c) }),
      take,
    );
    for (let n = 0; n < 4; n++) await world.fault();
    await world.clock.advance(1_000);
    state.ill = false;
    expect(await world.take()).toBe("taken");
    expect(await world.take()).toBe("taken");
    expect(changes).toEqual([
      { key: "depot.take", from: "closed", to: "open", openMs: 1_000 },
      { key: "depot.take", from: "open", to: "half-open" },
      { key: "depot.take", from: "half-open", to: "closed" },
    ]);
  });

  it("stays open for longer each time a trial fails, up to a limit", async () => {
    const { take } = patient();
    const opened: (number | undefined)[] = [];
    const breaker = circuitBreaker({
      ...small,
      onChange: ({ to, openMs }) => to === "open" && opened.push(openMs),
    });
    const world = await guarded(position, breaker, take);
    for (let n = 0; n < 4; n++) await world.fault();
    for (const openMs of [1_000, 2_000, 3_000]) {
      await world.clock.advance(openMs - 1);
      expect((await world.fault()).code).toBe("UNAVAILABLE");
      await world.clock.advance(1);
      expect((await world.fault()).code).toBe("INTERNAL");
    }
    expect(opened).toEqual([1_000, 2_000, 3_000, 3_000]);
  });

  it("lets no more trials through at once than it was told", async () => {
    const { state, take } = patient();
    const held = Promise.withResolvers<void>();
    const slow = async (): Promise<string> => {
      if (!state.ill) await held.promise;
      return take();
    };
    const world = await guarded(position, circuitBreaker({ ...small, trials: 2 }), slow);
    for (let n = 0; n < 4; n++) await world.fault();
    state.ill = false;
    await world.clock.advance(1_000);
    const trials = [world.take(), world.take()];
    await vi.waitFor(() => expect(world.runs()).toBe(6));
    expect((await world.fault()).code).toBe("UNAVAILABLE");
    held.resolve();
    expect(await Promise.all(trials)).toEqual(["taken", "taken"]);
  });

  it("does not judge a trial by what began before it", async () => {
    const old = Promise.withResolvers<string>();
    const trial = Promise.withResolvers<string>();
    const changes: string[] = [];
    const breaker = circuitBreaker({ ...small, onChange: ({ to }) => changes.push(to) });
    const world = await guarded(position, breaker, (asked: "old" | "trial" | "fails") => {
      if (asked === "fails") throw new Error("the disk is gone");
      return asked === "old" ? old.promise : trial.promise;
    });
    const first = world.fault("old");
    await vi.waitFor(() => expect(world.runs()).toBe(1));
    for (let n = 0; n < 4; n++) await world.fault("fails");
    await world.clock.advance(1_000);
    const second = world.take("trial");
    await vi.waitFor(() => expect(world.runs()).toBe(6));
    old.reject(new Error("the disk was gone"));
    await first;
    trial.resolve("taken");
    expect(await second).toBe("taken");
    expect(changes).toEqual(["open", "half-open", "closed"]);
  });

  it("does not count declared faults, refused input and cancelled calls as failures", async () => {
    const world = await guarded(position, circuitBreaker(small), (_input, { fail }: any) => {
      throw fail.EMPTY();
    });
    for (let n = 0; n < 12; n++) expect((await world.fault()).code).toBe("EMPTY");
    const refusing = await guarded(position, circuitBreaker(small), () => {
      throw new Fault("INVALID_INPUT", {});
    });
    for (let n = 0; n < 12; n++) expect((await refusing.fault()).code).toBe("INVALID_INPUT");
    const hanging = await guarded(position, circuitBreaker(small), () => new Promise(() => {}));
    for (let n = 0; n < 12; n++)
      expect((await hanging.fault(0, { signal: AbortSignal.abort() })).code).toBe("CANCELLED");
  });

  it("counts what gave no answer in time, even where the handler never ends", async () => {
    const world = await guarded(position, circuitBreaker(small), () => new Promise(() => {}));
    const lost = [1, 2, 3, 4].map(() => world.fault(0, { timeoutMs: 500 }));
    await world.clock.advance(600);
    expect((await Promise.all(lost)).map(({ code }) => code)).toEqual(Array(4).fill("TIMEOUT"));
    expect((await world.fault()).code).toBe("UNAVAILABLE");
    // A trial that never ends does not keep it half open for ever.
    await world.clock.advance(1_000);
    const trial = world.fault(0, { timeoutMs: 500 });
    await world.clock.advance(600);
    expect((await trial).code).toBe("TIMEOUT");
    expect((await world.fault()).data).toMatchObject({ retryAfterMs: expect.toSatisfy((ms) => ms > 1_000) });
  });

  it("forgets what happened before its window", async () => {
    const { take } = patient();
    const world = await guarded(position, circuitBreaker({ ...small, windowMs: 1_000 }), take);
    for (let n = 0; n < 3; n++) await world.fault();
    await world.clock.advance(1_001);
    for (let n = 0; n < 3; n++) expect((await world.fault()).code).toBe("INTERNAL");
    expect((await world.fault()).code).toBe("INTERNAL");
    expect((await world.fault()).code).toBe("UNAVAILABLE");
  });

  it("counts by what it is told: each method, a service, or a key of one's own", async () => {
    const { take } = patient();
    const byMethod = await guarded(position, circuitBreaker(small), take);
    for (let n = 0; n < 4; n++) await byMethod.fault();
    const look = byMethod.app.client(depot).look;
    await expect(look()).rejects.toMatchObject({ code: "INTERNAL" });

    const byService = await guarded(position, circuitBreaker({ ...small, per: "service" }), take);
    for (let n = 0; n < 4; n++) await byService.fault();
    await expect(byService.app.client(depot).look()).rejects.toMatchObject({ code: "UNAVAILABLE" });

    const onlyLook = circuitBreaker({ ...small, per: ({ id }) => (id === "depot.look" ? id : undefined) });
    const chosen = await guarded(position, onlyLook, take);
    for (let n = 0; n < 6; n++) expect((await chosen.fault()).code).toBe("INTERNAL");
  });

  it("keeps its state for one app, also where two are given the same", async () => {
    const { take } = patient();
    const breaker = circuitBreaker(small);
    const [one, other] = [await guarded(position, breaker, take), await guarded(position, breaker, take)];
    for (let n = 0; n < 4; n++) await one.fault();
    expect((await one.fault()).code).toBe("UNAVAILABLE");
    expect((await other.fault()).code).toBe("INTERNAL");
  });

  it("asks isFailure what a failure is", async () => {
    const breaker = circuitBreaker({
      ...small,
      isFailure: (error) => isFault(error) && error.code === "EMPTY",
    });
    const world = await guarded(position, breaker, (_input, { fail }: any) => {
      throw fail.EMPTY();
    });
    for (let n = 0; n < 4; n++) await world.fault();
    expect((await world.fault()).code).toBe("UNAVAILABLE");
  });
});

describe("circuitBreaker", () => {
  it("survives an onChange that throws", async () => {
    const { take } = patient();
    const onChange = (): never => {
      throw new Error("no");
    };
    const world = await guarded("outgoing", circuitBreaker({ ...small, onChange }), take);
    for (let n = 0; n < 4; n++) expect((await world.fault()).code).toBe("INTERNAL");
    expect((await world.fault()).code).toBe("UNAVAILABLE");
  });

  it("is not opened by calls that had no time left when they began", async () => {
    const world = await guarded("outgoing", circuitBreaker(small), () => "taken");
    for (let n = 0; n < 8; n++) expect((await world.fault(0, { timeoutMs: 0 })).code).toBe("TIMEOUT");
    expect(await world.take()).toBe("taken");
  });

  it("guards the reactions of a service", async () => {
    let runs = 0;
    const depotService = service(depot, {
      methods: { take: () => 0, look: () => 0 },
      use: [circuitBreaker(small)],
      retry: { attempts: 1 },
      on: {
        "depot.moved": () => {
          runs++;
          throw new Error("no");
        },
      },
    });
    await using made = app({ transport: embedded(), services: [depotService], log: silent });
    await made.start();
    for (let n = 0; n < 8; n++) await made.emit(depot.events.moved, { n });
    await vi.waitFor(async () => expect(runs).toBe(4));
  });

  it.each([
    [{ threshold: 0 }, "threshold is 0"],
    [{ threshold: Number.NaN }, "threshold is NaN"],
    [{ minimum: 0 }, "minimum is 0"],
    [{ minimum: 30, latest: 20 }, "latest is 20"],
    [{ openMs: 100, maxOpenMs: 50 }, "maxOpenMs is 50"],
    [{ trials: 1.5 }, "trials is 1.5"],
    [{ per: "instance" as never }, 'per is "instance"'],
  ])("refuses %o", (options, text) => {
    expect(() => circuitBreaker(options)).toThrow(TypeError);
    expect(() => circuitBreaker(options)).toThrow(text);
  });
});
