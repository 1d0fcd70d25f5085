import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { app, contract, names, service, silent } from "../src/index.ts";
import { deletedLater, outsider, transport } from "./rabbit.ts";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

it("a message that kills its process again and again is buried as crashed; the hundred in hand with it are done", async () => {
  const name = `victim-${crypto.randomUUID().slice(0, 8)}`;
  const press = `${name}-press`;
  const ours = transport();
  for (const queue of [names.requests(name), names.events(name), names.quarantine(name), names.dead(name)])
    await deletedLater(queue);
  const done = new Set<number>();
  let ended = false;
  let starts = 0;
  const fixture = join(import.meta.dirname, "fixtures/poisoned.ts");
  const supervise = (): void => {
    if (ended) return;
    starts++;
    const child = spawn(process.execPath, [fixture, amqpUrl(), name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout }).on("line", (line) => done.add(Number(line)));
    child.once("exit", supervise);
    onTestFinished(() => void child.kill("SIGKILL"));
  };
  onTestFinished(() => {
    ended = true;
  });
  supervise();
  await expect
    .poll(() => ours.inspect(names.events(name)), { timeout: 10_000 })
    .toMatchObject({ consumers: 1 });
  for (const n of numbers(100))
    await ours.publish({
      exchange: "",
      key: names.events(name),
      type: `${press}.out`,
      messageId: `m-${n}`,
      body: Buffer.from(JSON.stringify({ n })),
      persistent: true,
      mandatory: true,
    });
  await expect
    .poll(async () => (await ours.inspect(names.dead(name)))?.messages, { timeout: 15_000 })
    .toBe(1);
  await expect.poll(() => done.size, { timeout: 5_000 }).toBe(99);
  expect(done.has(50)).toBe(false);
  const letter = await (await outsider()).get(names.dead(name));
  expect(letter).toMatchObject({
    properties: {
      messageId: "m-50",
      headers: {
        "warren-reason": "crashed",
        "warren-queue": names.events(name),
        "warren-service": name,
        "warren-error": expect.stringMatching(/Came back 6 times/),
      },
    },
  });
  // Three deaths among the others, three alone. Where an acknowledgement died with the process, there is a second copy.
  expect(starts).toBeGreaterThanOrEqual(7);
  expect(starts).toBeLessThanOrEqual(13);
}, 30_000);

describe("an event in hand whenever the connection is lost", () => {
  const press = contract("press", { events: { out: z.object({ n: z.number() }) } });

  /** Two connections to a broker; `cuts` of the runs of the reaction lose the one they came over. */
  async function flapping(cuts: number) {
    const broker = embeddedBroker();
    const [a, b] = [embedded({ broker }), embedded({ broker })];
    const seen: { readonly n: number; readonly attempt: number }[] = [];
    const done: number[] = [];
    const lines: string[] = [];
    const log = { ...silent, warn: (_: object, text: string) => void lines.push(text), child: () => log };
    let left = cuts;
    const reader = (transport: typeof a) =>
      service(contract("reader", {}), {
        uses: { press },
        methods: {},
        on: {
          "press.out": ({ n }, { attempt }) => {
            seen.push({ n, attempt });
            if (left-- > 0) {
              broker.cut(transport);
              return new Promise(() => {});
            }
            done.push(n);
            return undefined;
          },
        },
      });
    const apps = [a, b].map((transport) => app({ transport, services: [reader(transport)], log }));
    for (const each of apps) {
      await each.start();
      onTestFinished(() => each.stop({ drainMs: 0 }));
    }
    return { emitter: apps[0]!, only: () => apps[1]!.stop({ drainMs: 0 }), a, seen, done, lines };
  }

  it("is not suspected by a process that lives on", async () => {
    const { emitter, only, a, seen, done, lines } = await flapping(10);
    await only();
    await emitter.emit(press.events.out, { n: 1 });
    await expect.poll(() => done).toEqual([1]);
    expect(seen).toHaveLength(11);
    expect(lines).toEqual([]);
    expect(await a.inspect(names.dead("reader"))).toMatchObject({ messages: 0 });
  });

  it("is done from quarantine by one of two that cannot know of each other's connections", async () => {
    const { emitter, a, done, lines } = await flapping(7);
    await emitter.emit(press.events.out, { n: 1 });
    await expect.poll(() => done).toEqual([1]);
    expect(lines).toContainEqual(expect.stringContaining("moves to reader.quarantine to run alone"));
    expect(lines).toContainEqual(expect.stringContaining("though it ran alone"));
    expect(await a.inspect(names.dead("reader"))).toMatchObject({ messages: 0 });
  });

  it("takes no neighbours along, where it is what costs the connection each time: a handler that blocks is one", async () => {
    const broker = embeddedBroker();
    const transport = embedded({ broker });
    const done = new Set<number>();
    const blocking = service(contract("reader", {}), {
      uses: { press },
      methods: {},
      on: {
        "press.out": async ({ n }) => {
          // After twice the heartbeat without an answer the broker closes the connection; nothing is acknowledged.
          if (n === 50) broker.cut(transport);
          await new Promise((resolve) => setImmediate(resolve));
          done.add(n);
        },
      },
    });
    const reader = app({ transport, services: [blocking], log: silent });
    onTestFinished(() => reader.stop({ drainMs: 0 }));
    await reader.start();
    await Promise.all(numbers(100).map((n) => reader.emit(press.events.out, { n })));
    await expect.poll(() => transport.inspect(names.dead("reader"))).toMatchObject({ messages: 1 });
    await expect.poll(() => done.size).toBe(100);
    for (const queue of [names.events("reader"), names.quarantine("reader")])
      await expect.poll(() => transport.inspect(queue)).toMatchObject({ messages: 0 });
    expect(await transport.inspect(names.dead("reader"))).toMatchObject({ messages: 1 });
  });
});
