// Found by attacking the running system: what must not cost a call its answer, nor a process its memory.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { contract, Fault, rpc, service, type Transport } from "../src/index.ts";
import { proxied, transport } from "./rabbit.ts";
import { faultOf, transports, world } from "./shape-world.ts";

describe.each(transports)("under attack, on %s", (name) => {
  const w = world(name);

  it.each(["cycle", "bigint", "huge", "system"])(
    "a fault whose data cannot travel (%s) is answered with INTERNAL at once",
    async (which) => {
      const faulty = contract(`faulty-${w().shape.name}`, {
        methods: { raise: rpc({ input: z.string(), errors: { ODD: z.any() } }) },
      });
      const cycle: { self?: unknown } = {};
      cycle.self = cycle;
      const data: Record<string, unknown> = { cycle, bigint: 1n, huge: "x".repeat(2_000) };
      const raising = service(faulty, {
        methods: {
          raise(name, { fail }) {
            if (name === "system") throw new Fault("OVERLOADED", 1n);
            throw fail.ODD(data[name]);
          },
        },
      });
      const shop = await w().start({
        services: [raising],
        transport: w().connect({ maxMessageBytes: 1_000 }),
      });
      expect((await faultOf(shop.client(faulty).raise(which))).code).toBe("INTERNAL");
    },
  );

  it("thousands of calls at once may ask to fail where nobody listens, and do not where somebody does", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const asked = Array.from({ length: 3_000 }, (_, i) => i);
    const answers = asked.map((i) => shop.client(w().shape).echo(i, { ifDown: "fail" }));
    expect(await Promise.all(answers)).toEqual(asked);
  });

  it("a call that cannot be sent gives its place back at once", async () => {
    const shop = await w().start({ services: [w().shapeService()], limits: { calls: 1 } });
    const principal = { subject: "x".repeat(200_000), scopes: [] };
    await shop
      .client(w().shape)
      .echo(1, { principal })
      .catch((fault: Fault) => expect(fault.code).toBe("TOO_LARGE"));
    expect(await shop.client(w().shape).echo(2)).toBe(2);
  });

  it.each([Number.POSITIVE_INFINITY, 1e300, 2 ** 53])(
    "a timeout of %d ms is a long one",
    async (timeoutMs) => {
      const shop = await w().start({ services: [w().shapeService()] });
      expect(await shop.client(w().shape).echo(1, { timeoutMs })).toBe(1);
    },
  );

  it("a transport that remembers what it sent keeps no body of a call that has ended", async () => {
    const kept: unknown[] = [];
    const bodies: WeakRef<Uint8Array>[] = [];
    const remembering: Transport = new Proxy(w().connect(), {
      get(target, name) {
        if (name === "send")
          return (...[message, returned]: Parameters<Transport["send"]>) => {
            if (message.mandatory) {
              kept.push(returned);
              bodies.push(new WeakRef(message.body));
            }
            return target.send(message, returned);
          };
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const shop = await w().start({ transport: remembering, services: [w().shapeService()] });
    await shop.client(w().shape).echo("x".repeat(10_000));
    expect(kept).toHaveLength(1);
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    await vi.waitFor(() => {
      collect();
      expect(bodies[0]!.deref()).toBeUndefined();
    });
  });
});

it("a call that shall not wait fails as soon as the broker is found to be away", async () => {
  const { app, silent } = await import("../src/index.ts");
  const { proxy, url } = await proxied();
  const away = contract("away", { methods: { ask: rpc({ timeoutMs: 60_000 }) } });
  const client = app({ transport: transport({ url }), log: silent });
  await client.start();
  await proxy.set("refuse");
  proxy.cut();
  expect((await faultOf(client.client(away).ask(undefined, { ifDown: "fail" }))).code).toBe("UNAVAILABLE");
  await client.stop({ drainMs: 0 });
});

it("a call that shall not wait fails at once while the broker is away", async () => {
  // Only the embedded broker can be cut off for as long as a test likes.
  const { embedded, embeddedBroker } = await import("../src/embedded/index.ts");
  const { app, silent } = await import("../src/index.ts");
  const broker = embeddedBroker();
  const transport = embedded({ broker });
  const away = contract("away", { methods: { ask: rpc({ timeoutMs: 60_000 }) } });
  const client = app({ transport, log: silent });
  await client.start();
  broker.cut(transport, { downMs: 3_600_000 });
  expect((await faultOf(client.client(away).ask(undefined, { ifDown: "fail" }))).code).toBe("UNAVAILABLE");
  await client.stop({ drainMs: 0 });
});
