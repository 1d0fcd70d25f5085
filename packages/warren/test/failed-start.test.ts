import { describe, expect, it, onTestFinished } from "vitest";
import { app, names, service, silent, type Transport } from "../src/index.ts";
import { gate, transports, world } from "./shape-world.ts";

describe.each(transports)("an app that could not start, on %s", (name) => {
  const w = world(name);

  /** As where a service may not read one of its queues. */
  function forbidding(transport: Transport, queue: string, consumed: () => Promise<unknown>): Transport {
    return new Proxy(transport, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target);
        if (member !== "consume") return typeof value === "function" ? value.bind(target) : value;
        const consume: Transport["consume"] = async (wanted, handle, options) => {
          if (wanted !== queue) return target.consume(wanted, handle, options);
          await consumed();
          throw new Error("not ours to read");
        };
        return consume;
      },
    });
  }

  it("works on nothing further, and ends what it works on when it is stopped", async () => {
    const [working, go] = [gate(), gate()];
    const ended: string[] = [];
    const busy = w().shapeService({
      slow: async ({ tag }) => {
        working.open();
        await go.promise;
        ended.push(tag);
        return tag;
      },
    });
    const forbidden = names.requests(w().other.name);
    const transport = forbidding(w().connect(), forbidden, () => working.promise);
    const other = service(w().other, { methods: { ask: () => "" } });
    const failing = app({ transport, services: [busy, other], log: silent });
    onTestFinished(() => failing.stop({ drainMs: 200 }));
    const client = await w().start();
    const starting = failing.start();
    const refused = expect(starting).rejects.toThrow("not ours to read");
    const shape = client.client(w().shape);
    await expect
      .poll(async () => (await transport.inspect(names.requests(w().shape.name)))?.consumers)
      .toBe(1);
    const answer = shape.slow({ tag: "begun" });
    await refused;
    await expect
      .poll(async () => await shape.nothing(undefined, { timeoutMs: 200 }).catch(({ code }) => code))
      .toBe("TIMEOUT");
    const stopping = failing.stop({ drainMs: 5_000 });
    go.open();
    await stopping;
    expect(ended).toEqual(["begun"]);
    expect(await answer).toBe("begun");
  });
});
