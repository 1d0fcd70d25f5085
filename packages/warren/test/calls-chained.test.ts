import { describe, expect, it } from "vitest";
import { service } from "../src/index.ts";
import { faultOf, gate, transports, world } from "./shape-world.ts";

describe.each(transports)("a call made by a handler, on %s", (transport) => {
  const w = world(transport);

  const asking = (ask: () => string | Promise<string>) => service(w().other, { methods: { ask } });

  it("carries conversation, principal and the remaining time", async () => {
    const seen: unknown[] = [];
    const deep = service(w().other, {
      methods: {
        ask: (_, context) => (
          seen.push(context.conversation, context.principal?.subject, context.deadline), "ok"
        ),
      },
    });
    const outer: unknown[] = [];
    const outerService = w().shapeService({
      nested: async (_, { call, conversation, deadline }) => {
        outer.push(conversation, "ada", deadline);
        return call.other.ask(undefined, { timeoutMs: 60_000 });
      },
    });
    const shop = await w().start({ services: [outerService, deep] });
    await shop
      .client(w().shape)
      .nested(undefined, { principal: { subject: "ada", scopes: [] }, timeoutMs: 1_000 });
    expect(seen).toEqual(outer);
  });

  it("that fails inside the dependency is INTERNAL to the outer caller, not the dependency's fault", async () => {
    const refusing = service(w().other, {
      methods: {
        ask: (_, { fail }) => {
          throw fail.NO();
        },
      },
    });
    const shop = await w().start({
      services: [w().shapeService({ nested: (_, { call }) => call.other.ask() }), refusing],
    });
    expect((await faultOf(shop.client(w().shape).nested())).code).toBe("INTERNAL");
  });

  it("to a dependency that is not there is UNAVAILABLE to the outer caller too", async () => {
    const shop = await w().start({
      services: [w().shapeService({ nested: (_, { call }) => call.other.ask() })],
    });
    expect((await faultOf(shop.client(w().shape).nested())).code).toBe("UNAVAILABLE");
  });

  it("works through two services", async () => {
    const shop = await w().start({
      services: [w().shapeService({ nested: (_, { call }) => call.other.ask() }), asking(() => "deep")],
    });
    expect(await shop.client(w().shape).nested()).toBe("deep");
  });
});

describe.each(transports)("when an instance dies midway, on %s", (transport) => {
  const w = world(transport);

  it("an idempotent call is taken by another, any other has an unknown outcome", async () => {
    const entered: string[] = [];
    const both = gate();
    const enter = (name: string): Promise<string> => {
      entered.push(name);
      if (entered.length === 2) both.open();
      return new Promise(() => {});
    };
    const dyingTransport = w().connect();
    const dying = await w().start({
      transport: dyingTransport,
      services: [w().shapeService({ again: () => enter("again"), slow: () => enter("slow") })],
    });
    const client = (await w().start()).client(w().shape);
    const again = client.again();
    const slow = faultOf(client.slow({ tag: "" }));
    await both.promise;
    await w().start({
      services: [w().shapeService({ again: () => "second", slow: () => "twice" })],
    });
    await dyingTransport.close({ drainMs: 0 });
    expect(await again).toBe("second");
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
    await dying.stop({ drainMs: 0 });
  });
});

describe.each(transports)("when an instance runs out of drain time, on %s", (transport) => {
  const w = world(transport);

  it("an idempotent call is taken by another, any other has an unknown outcome at once", async () => {
    const entered = gate();
    let running = 0;
    const enter = (): Promise<string> => {
      running += 1;
      if (running === 2) entered.open();
      return new Promise(() => {});
    };
    const stuck = await w().start({ services: [w().shapeService({ again: enter, slow: enter })] });
    const client = (await w().start()).client(w().shape);
    const [again, slow] = [client.again(), faultOf(client.slow({ tag: "" }))];
    await entered.promise;
    await w().start({ services: [w().shapeService({ again: () => "second", slow: () => "twice" })] });
    await stuck.stop({ drainMs: 20 });
    expect(await again).toBe("second");
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
  });
});

describe.each(["embedded"] as const)("when the caller's connection is cut, on %s", (transport) => {
  const w = world(transport);

  it("an idempotent call is sent again, any other has an unknown outcome", async () => {
    const runs: string[] = [];
    const [entered, hold] = [gate(), gate()];
    const serving = w().shapeService({
      again: async () => {
        runs.push("again");
        if (runs.length === 1) {
          entered.open();
          await hold.promise;
        }
        return "answered";
      },
      slow: () => new Promise(() => {}),
    });
    await w().start({ services: [serving] });
    const transport = w().connect();
    const client = (await w().start({ transport })).client(w().shape);
    const again = client.again();
    const slow = faultOf(client.slow({ tag: "" }));
    await entered.promise;
    w().broker.cut(transport);
    hold.open();
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
    expect(await again).toBe("answered");
    expect(runs).toEqual(["again", "again"]);
  });
});
