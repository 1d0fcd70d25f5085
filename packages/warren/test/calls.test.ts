import { describe, expect, it } from "vitest";
import { app, type Logger, names, silent } from "../src/index.ts";
import { faultOf, gate, transports, world } from "./shape-world.ts";

describe.each(transports)("a call, on %s", (transport) => {
  const w = world(transport);

  it.each([[undefined], [null], [0], [""], [false], [[]], [{ a: { b: "ü€😀" } }], [Number.MAX_SAFE_INTEGER]])(
    "brings %j there and back",
    async (value) => {
      const shop = await w().start({ services: [w().shapeService()] });
      expect(await shop.client(w().shape).echo(value)).toEqual(value);
    },
  );

  it("may be answered with a promise of a library's own kind", async () => {
    // biome-ignore lint/suspicious/noThenProperty: this is what such a promise is.
    const foreign = { then: (resolve: (value: string) => void) => resolve("built") };
    const shop = await w().start({ services: [w().shapeService({ slow: () => foreign as never })] });
    expect(await shop.client(w().shape).slow({ tag: "" })).toBe("built");
  });

  it("needs no output", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    expect(await shop.client(w().shape).nothing()).toBeUndefined();
  });

  it("is refused before it is sent where the input is wrong, naming each field", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const fault = await faultOf(shop.client(w().shape).add({ a: "1" } as never));
    expect(fault.code).toBe("INVALID_INPUT");
    expect((fault.data as { issues: { path: string }[] }).issues.map(({ path }) => path)).toEqual(["a", "b"]);
    expect(fault.message).toContain(w().shape.methods.add.id);
  });

  it("rejects with the declared fault and its data", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const fault = await faultOf(shop.client(w().shape).declared());
    expect(fault).toMatchObject({ code: "GONE", data: { since: 7 }, from: w().shape.name });
  });

  it("says in a declared fault what its contract says to people", async () => {
    const asked = w().shapeService({
      declared: (_, { fail }) => {
        throw fail.SHUT();
      },
    });
    const shop = await w().start({ services: [asked] });
    expect((await faultOf(shop.client(w().shape).declared())).message).toBe("Closed until Monday");
    expect((await faultOf((await w().start()).client(w().shape).declared())).message).toBe(
      "Closed until Monday",
    );
  });

  it("rejects with a declared fault that carries no data", async () => {
    const shut = w().shapeService({
      declared: (_, { fail }) => {
        throw fail.SHUT();
      },
    });
    const shop = await w().start({ services: [shut] });
    expect(await faultOf(shop.client(w().shape).declared())).toMatchObject({ code: "SHUT", data: undefined });
  });

  it("tells the caller INTERNAL and an error id, and the log the rest", async () => {
    const lines: { data: any; message: string }[] = [];
    const log: Logger = {
      ...silent,
      error: (data, message) => void lines.push({ data, message }),
      child: () => log,
    };
    const shop = await w().start({ services: [w().shapeService()], log });
    const fault = await faultOf(shop.client(w().shape).boom());
    expect(fault.code).toBe("INTERNAL");
    expect(JSON.stringify([fault.message, fault.data])).not.toContain("hunter2");
    const { errorId } = fault.data as { errorId: string };
    expect(lines.find(({ data }) => data.errorId === errorId)?.data.err.message).toContain("hunter2");
  });

  it("turns an output that breaks the contract into INTERNAL", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    expect((await faultOf(shop.client(w().shape).lies())).code).toBe("INTERNAL");
  });

  it("of a service that nobody ever declared is UNAVAILABLE at once", async () => {
    const shop = await w().start();
    const fault = await faultOf(shop.client(w().shape).add({ a: 1, b: 2 }, { timeoutMs: 60_000 }));
    expect(fault.code).toBe("UNAVAILABLE");
    expect(fault.message).toContain(`"${w().shape.name}"`);
  });

  it("waits in the queue while the service restarts", async () => {
    const first = await w().start({ services: [w().shapeService()] });
    const client = await w().start();
    await first.stop();
    const sum = client.client(w().shape).add({ a: 1, b: 2 }, { timeoutMs: 10_000 });
    await w().start({ services: [w().shapeService()] });
    expect(await sum).toBe(3);
  });

  it("fails at once where nobody listens and the caller asks for that", async () => {
    const first = await w().start({ services: [w().shapeService()] });
    const client = await w().start();
    expect(await client.client(w().shape).add({ a: 1, b: 2 }, { ifDown: "fail" })).toBe(3);
    await first.stop();
    expect(
      (await faultOf(client.client(w().shape).add({ a: 1, b: 2 }, { ifDown: "fail", timeoutMs: 60_000 })))
        .code,
    ).toBe("UNAVAILABLE");
  });

  it("times out at its deadline, and the handler's signal is aborted", async () => {
    const aborted = gate<string>();
    const slow = w().shapeService({
      slow: (_, { signal }) =>
        new Promise(() => signal.addEventListener("abort", () => aborted.open(signal.reason.code))),
    });
    const shop = await w().start({ services: [slow] });
    const fault = await faultOf(shop.client(w().shape).slow({ tag: "x" }, { timeoutMs: 60 }));
    expect(fault.code).toBe("TIMEOUT");
    expect(await aborted.promise).toBe("TIMEOUT");
  });

  it("that never returns gives its place free at the deadline", async () => {
    const stuck = w().shapeService(
      { slow: ({ tag }) => (tag === "stuck" ? new Promise(() => {}) : "done") },
      1,
    );
    const shop = await w().start({ services: [stuck] });
    expect((await faultOf(shop.client(w().shape).slow({ tag: "stuck" }, { timeoutMs: 50 }))).code).toBe(
      "TIMEOUT",
    );
    expect(await shop.client(w().shape).slow({ tag: "next" })).toBe("done");
  });

  it("is not run when its deadline is over", async () => {
    const ran: string[] = [];
    const tracked = () => w().shapeService({ slow: ({ tag }) => (ran.push(tag), tag) });
    const first = await w().start({ services: [tracked()] });
    const client = await w().start();
    await first.stop();
    expect((await faultOf(client.client(w().shape).slow({ tag: "late" }, { timeoutMs: 40 }))).code).toBe(
      "TIMEOUT",
    );
    await w().start({ services: [tracked()] });
    expect(await client.client(w().shape).slow({ tag: "in time" })).toBe("in time");
    expect(ran).toEqual(["in time"]);
  });

  it("with a deadline in the past of a raw message is not run either", async () => {
    const transport = w().connect();
    const ran: unknown[] = [];
    const shop = await w().start({
      transport,
      services: [w().shapeService({ echo: (input) => (ran.push(input), input) })],
    });
    await transport.publish({
      exchange: "",
      key: names.requests(w().shape.name),
      body: Buffer.from("1"),
      persistent: false,
      mandatory: true,
      type: w().shape.methods.echo.id,
      messageId: "m1",
      headers: { "warren-deadline": 1 },
    });
    expect(await shop.client(w().shape).echo(2)).toBe(2);
    expect(ran).toEqual([2]);
  });

  it("can be cancelled by its caller", async () => {
    const shop = await w().start({
      services: [w().shapeService({ slow: () => new Promise(() => {}) })],
    });
    const stop = new AbortController();
    const call = shop.client(w().shape).slow({ tag: "x" }, { signal: stop.signal });
    stop.abort();
    expect((await faultOf(call)).code).toBe("CANCELLED");
  });

  it("beyond the limit of calls in flight is OVERLOADED", async () => {
    const shop = await w().start({
      limits: { calls: 1 },
      services: [w().shapeService({ slow: () => new Promise(() => {}) })],
    });
    const first = faultOf(shop.client(w().shape).slow({ tag: "1" }, { timeoutMs: 100 }));
    expect(await faultOf(shop.client(w().shape).add({ a: 1, b: 1 }))).toMatchObject({
      code: "OVERLOADED",
      data: { limit: 1 },
    });
    expect((await first).code).toBe("TIMEOUT");
    expect(await shop.client(w().shape).add({ a: 1, b: 1 })).toBe(2);
  });

  it("beyond the limit of bytes in flight is OVERLOADED, but a single large one goes", async () => {
    const shop = await w().start({
      limits: { callBytes: 100 },
      services: [w().shapeService({ slow: () => new Promise(() => {}) })],
    });
    const first = faultOf(shop.client(w().shape).slow({ tag: "x".repeat(200) }, { timeoutMs: 100 }));
    expect(await faultOf(shop.client(w().shape).add({ a: 1, b: 1 }))).toMatchObject({
      code: "OVERLOADED",
      data: { limit: 100 },
    });
    expect((await first).code).toBe("TIMEOUT");
    expect(await shop.client(w().shape).add({ a: 1, b: 1 })).toBe(2);
  });

  it("with an input that no bytes stand for is refused, naming what is wrong", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const value of [cycle, { items: [{ self: 1n }] }]) {
      const fault = await faultOf(shop.client(w().shape).echo(value));
      expect(fault.code).toBe("INVALID_INPUT");
      expect(fault.message).toMatch(/(items\.0\.)?self: .* cannot be sent as JSON/);
    }
  });

  it("larger than the limit is TOO_LARGE, both ways", async () => {
    const shop = await w().start({
      transport: w().connect({ maxMessageBytes: 1_000 }),
      services: [w().shapeService({ slow: () => "x".repeat(2_000) })],
    });
    expect((await faultOf(shop.client(w().shape).echo("x".repeat(2_000)))).code).toBe("TOO_LARGE");
    expect((await faultOf(shop.client(w().shape).slow({ tag: "" }))).code).toBe("INTERNAL");
  });

  it("before start and after stop is refused in words", async () => {
    const shop = app({ transport: w().connect(), log: silent });
    expect((await faultOf(shop.client(w().shape).nothing())).message).toContain("app.start()");
    await shop.start();
    await shop.stop();
    expect((await faultOf(shop.client(w().shape).nothing())).code).toBe("STOPPED");
  });

  it("is answered by whichever instance is free", async () => {
    const hold = gate();
    const busy = w().shapeService({ slow: async () => (await hold.promise, "busy") }, 1);
    await w().start({ services: [busy] });
    const client = await w().start();
    const first = client.client(w().shape).slow({ tag: "1" });
    await w().start({ services: [w().shapeService({ slow: () => "free" })] });
    const answers = await Promise.all(
      [1, 2, 3].map(() =>
        client
          .client(w().shape)
          .slow({ tag: "2" }, { timeoutMs: 3_000 })
          .catch(() => "late"),
      ),
    );
    hold.open();
    expect(answers.filter((answer) => answer === "free").length).toBeGreaterThanOrEqual(2);
    expect(await first).toBe("busy");
  });

  it("goes to one instance by id, and is UNAVAILABLE where that is gone", async () => {
    const [a, b] = [gate(), gate()].map((_, i) => ({
      services: [w().shapeService({ slow: () => `instance ${i}` })],
    }));
    const [first, second] = [await w().start(a!), await w().start(b!)];
    const client = (await w().start()).client(w().shape);
    expect(await client.slow({ tag: "" }, { to: first.instance })).toBe("instance 0");
    expect(await client.slow({ tag: "" }, { to: second.instance })).toBe("instance 1");
    await second.stop();
    expect((await faultOf(client.slow({ tag: "" }, { to: second.instance, timeoutMs: 60_000 }))).code).toBe(
      "UNAVAILABLE",
    );
  });

  it("goes to every instance and collects the answers, faults among them", async () => {
    const good = await w().start({
      services: [w().shapeService({ declared: () => "fine" })],
    });
    const bad = await w().start({ services: [w().shapeService()] });
    const client = await w().start();
    const answers = await client.every(w().shape).declared(undefined, { expect: 2 });
    expect(answers.find(({ instance }) => instance === good.instance)).toMatchObject({
      ok: true,
      value: "fine",
    });
    expect(answers.find(({ instance }) => instance === bad.instance)).toMatchObject({
      ok: false,
      error: { code: "GONE" },
    });
    expect(await client.every(w().shape).declared(undefined, { timeoutMs: 60 })).toHaveLength(2);
    expect(await client.every(w().other).ask()).toEqual([]);
  });

  it("carries the principal, and is refused without one or without its scope", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const { secret } = shop.client(w().shape);
    expect((await faultOf(secret())).code).toBe("UNAUTHENTICATED");
    expect(await faultOf(secret(undefined, { principal: { subject: "ada", scopes: [] } }))).toMatchObject({
      code: "FORBIDDEN",
      data: { missing: ["read"] },
    });
    expect(await secret(undefined, { principal: { subject: "ada", scopes: ["read"] } })).toBe("ada");
  });
});
