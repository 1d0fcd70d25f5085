// What went wrong in a framework of a manager and workers that take jobs, row by row; the rows about its codecs, its HTTP
// service, retries that lose jobs, leaks and its deployment are in other tests.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { app, contract, names, rpc, service, silent } from "../src/index.ts";
import { fresh, member, untilKnown } from "./directory-world.ts";
import { outsider, proxied, transport as rabbit } from "./rabbit.ts";
import { faultOf, transports, type World, world } from "./shape-world.ts";

vi.setConfig({ testTimeout: 60_000 });

describe.each(transports)("workers of a manager, on %s", (transport) => {
  const w = world(transport);

  /** An instance that says its name for each job. */
  const worker = (name: string): Parameters<World["start"]>[0] => ({
    services: [w().shapeService({ slow: () => name })],
  });

  it("row 1: jobs of a sender of another kind go to all instances, not to the newest", async () => {
    await w().start(worker("old"));
    await w().start(worker("new"));
    const client = (await w().start()).client(w().shape);
    const takers = await Promise.all(Array.from({ length: 10 }, () => client.slow({ tag: "" })));
    expect(takers.filter((each) => each === "old")).toHaveLength(5);
  });

  it.each(["newest", "oldest"])("row 2: the survivor works when the %s instance stops", async (which) => {
    const two = [await w().start(worker("a")), await w().start(worker("b"))];
    const client = (await w().start()).client(w().shape);
    await two[which === "newest" ? 1 : 0]!.stop();
    const takers = await Promise.all(
      Array.from({ length: 10 }, () => client.slow({ tag: "" }, { ifDown: "fail" })),
    );
    expect(new Set(takers)).toEqual(new Set([which === "newest" ? "a" : "b"]));
  });

  it("row 3: that nobody is there reaches the sender at once, where it asks for that", async () => {
    const gone = await w().start(worker("gone"));
    const client = (await w().start()).client(w().shape);
    await gone.stop();
    const began = performance.now();
    const none = await faultOf(client.slow({ tag: "" }, { ifDown: "fail", timeoutMs: 30_000 }));
    const one = await faultOf(client.slow({ tag: "" }, { to: gone.instance, timeoutMs: 30_000 }));
    expect([none.code, one.code]).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    expect(performance.now() - began).toBeLessThan(2_000);
    // Where it does not ask, the job waits for a worker.
    const waiting = client.slow({ tag: "" }, { timeoutMs: 30_000 });
    await w().start(worker("late"));
    expect(await waiting).toBe("late");
  });

  it("row 3: a fault of the worker reaches the sender at once", async () => {
    await w().start(worker("there"));
    const client = (await w().start()).client(w().shape);
    expect((await faultOf(client.declared())).code).toBe("GONE");
    expect((await faultOf(client.boom())).code).toBe("INTERNAL");
  });

  it("row 5: instances that start together, and jobs that are sent together, have ids of their own", async () => {
    const ids = new Set<string>();
    const noting = w().shapeService({
      slow: (_, { messageId }) => {
        ids.add(messageId);
        return messageId;
      },
    });
    const many = await Promise.all(Array.from({ length: 20 }, () => w().start({ services: [noting] })));
    expect(new Set(many.map(({ instance }) => instance)).size).toBe(20);
    const client = (await w().start()).client(w().shape);
    const answers = await Promise.all(Array.from({ length: 500 }, () => client.slow({ tag: "" })));
    expect(new Set(answers).size).toBe(500);
    expect(ids.size).toBe(500);
  });

  it("row 8: a message that nobody can read deafens nobody", async () => {
    const [one, two] = [await w().start(worker("one")), await w().start(worker("two"))];
    const client = await w().start();
    const listed = await client.directory();
    const on = w().connect();
    onTestFinished(() => on.close({ drainMs: 0 }));
    const bad = { body: Buffer.from("{oops"), persistent: false, mandatory: false };
    const { name } = w().shape;
    await on.publish({ ...bad, exchange: names.directory, key: "", type: "warren.presence" });
    await on.publish({ ...bad, exchange: names.instanceExchange, key: name, type: `${name}.slow` });
    await on.publish({ ...bad, exchange: "", key: names.requests(name), type: `${name}.slow` });
    await on.publish({ ...bad, exchange: "", key: names.requests(name) });
    const takers = await Promise.all(
      Array.from({ length: 10 }, () => client.client(w().shape).slow({ tag: "" })),
    );
    expect(new Set(takers)).toEqual(new Set(["one", "two"]));
    await untilKnown(listed, name, [one.instance, two.instance], 1_000);
  });

  it("row 13: a job is seen by the one who takes it", async () => {
    const seen: string[] = [];
    const noting = (name: string) => ({
      services: [
        w().shapeService({
          slow: ({ tag }) => {
            seen.push(`${name} ${tag}`);
            return tag;
          },
        }),
      ],
    });
    const one = await w().start(noting("one"));
    await w().start(noting("two"));
    const client = (await w().start()).client(w().shape);
    await client.slow({ tag: "of somebody" });
    expect(seen).toHaveLength(1);
    await client.slow({ tag: "for one" }, { to: one.instance });
    expect(seen.slice(1)).toEqual(["one for one"]);
  });
});

it("row 10: workers and senders come back by themselves when the connection is lost", async () => {
  const { proxy, url } = await proxied();
  const jobs = contract(fresh("jobs"), { methods: { work: rpc({ output: z.string(), idempotent: true }) } });
  const worker = app({
    transport: rabbit({ url }),
    services: [service(jobs, { methods: { work: () => "done" } })],
    log: silent,
  });
  const sender = app({ transport: rabbit({ url }), contracts: [jobs], log: silent });
  onTestFinished(async () => void (await Promise.all([worker.stop(), sender.stop()])));
  await worker.start();
  await sender.start();
  const listed = await sender.directory();
  for (let i = 0; i < 3; i++) {
    proxy.cut();
    expect(await sender.client(jobs).work(undefined, { timeoutMs: 30_000 })).toBe("done");
  }
  await untilKnown(listed, jobs.name, [worker.instance], 15_000);
});

it.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
  "row 9: a worker that ends by %s is forgotten",
  async (signal) => {
    const name = fresh("jobs");
    const [stays, ends] = await Promise.all([member(name), member(name)]);
    const sender = app({ transport: rabbit(), log: silent });
    onTestFinished(() => sender.stop());
    await sender.start();
    const listed = await sender.directory();
    await untilKnown(listed, name, [stays.id, ends.id], 5_000);
    ends.process.kill(signal);
    // What says goodbye is forgotten with it.
    await untilKnown(listed, name, [stays.id], signal === "SIGKILL" ? 15_000 : 2_000);
  },
);

it("row 13: a job that is addressed to one instance is in no other queue", async () => {
  const name = fresh("jobs");
  const [one] = await Promise.all([member(name), member(name)]);
  const channel = await outsider();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  // Whoever listens to what all instances get.
  await channel.bindQueue(queue, names.instanceExchange, name);
  await channel.bindQueue(queue, names.directory, "");
  const sender = app({ transport: rabbit(), log: silent });
  onTestFinished(() => sender.stop());
  await sender.start();
  const { methods } = contract(name, { methods: { work: rpc() } });
  expect((await faultOf(sender.call(methods.work, undefined, { to: one.id }))).code).toBe("UNKNOWN_METHOD");
  expect(await channel.get(queue, { noAck: true })).toBe(false);
});
