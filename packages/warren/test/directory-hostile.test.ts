// Whoever reaches the broker can say anything about anybody.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { directory, type Logger, names, type Outgoing, silent } from "../src/index.ts";
import { noted, untilKnown } from "./directory-world.ts";
import { transports, world } from "./shape-world.ts";

const presence = {
  said: "joined",
  instance: "fake",
  host: "h",
  pid: 1,
  since: 1,
  services: [{ name: "stock", fingerprint: "abc" }],
};

function said(body: unknown, type = "warren.presence"): Outgoing {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
  return { exchange: names.directory, key: "", type, body: bytes, persistent: false, mandatory: false };
}

const nonsense: readonly (readonly [string, Outgoing])[] = [
  ["no JSON", said(Buffer.from("{"))],
  ["no bytes", said(Buffer.alloc(0))],
  ["null", said(null)],
  ["a list", said([])],
  ["an unknown word", said({ ...presence, said: "hello" })],
  ["a list instead of a word", said({ ...presence, said: ["joined"] })],
  ["an id that is part of no queue's name", said({ ...presence, instance: "a b\n" })],
  ["an id without end", said({ ...presence, instance: "a".repeat(1_000) })],
  ["an id that is an object", said({ ...presence, instance: { toString: "x" } })],
  ["a host without end", said({ ...presence, host: "h".repeat(10_000) })],
  ["a version that is a number", said({ ...presence, version: 4 })],
  ["a time before all times", said({ ...presence, since: -1 })],
  ["a service that none can be called", said({ ...presence, services: [{ name: "A.b", fingerprint: "a" }] })],
  [
    "a fingerprint that is none",
    said({ ...presence, services: [{ name: "stock", fingerprint: "\u001b[2J" }] }),
  ],
  [
    "more services than one process runs",
    said({
      ...presence,
      services: Array.from({ length: 1_001 }, (_, i) => ({ name: `s-${i}`, fingerprint: "a" })),
    }),
  ],
  ["a message without end", said({ ...presence, more: "x".repeat(300_000) })],
  ["a message of another type", said(presence, "warren.dance")],
  ["a note of one gone that nobody knows", said({ service: "stock", instance: "nobody" }, "warren.gone")],
  ["a note that is none", said({ service: 1 }, "warren.gone")],
];

describe.each(transports)("the directory, on %s", (transport) => {
  const w = world(transport);

  async function listening() {
    const lines: string[] = [];
    const log: Logger = { ...silent, warn: (_, line) => void lines.push(line), child: () => log };
    const on = w().connect();
    onTestFinished(() => on.close({ drainMs: 0 }));
    const listed = await directory(on, { log });
    return { listed, lines, on };
  }

  it("ignores what is no word of an instance, in one line of the log", async () => {
    const { listed, lines, on } = await listening();
    for (const [, message] of nonsense) await on.publish(message);
    const shop = await w().start({ services: [w().shapeService()] });
    await untilKnown(listed, w().shape.name, [shop.instance], 5_000);
    expect(listed.instances().filter(({ id }) => id !== shop.instance)).toEqual([]);
    expect(lines).toHaveLength(1);
  });

  it("has room for no more than 10,000, and forgets those that the broker knows nothing of", async () => {
    const { listed, lines, on } = await listening();
    const changes = noted(listed);
    const services = Array.from({ length: 1_000 }, (_, i) => ({ name: `fake-${i}`, fingerprint: "a" }));
    for (let i = 0; i < 15; i++) await on.publish(said({ ...presence, instance: `fake-${i}`, services }));
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0));
    expect(Math.max(...[listed.instances().length])).toBeLessThanOrEqual(10_000);
    expect(lines).toHaveLength(1);
    await vi.waitFor(() => expect(changes.some(({ kind }) => kind === "lost")).toBe(true));
  });

  it("believes the broker, and not who says that somebody is gone", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const { listed, on } = await listening();
    const changes = noted(listed);
    await on.publish(said({ service: w().shape.name, instance: shop.instance }, "warren.gone"));
    const later = await w().start({ services: [w().shapeService()] });
    await untilKnown(listed, w().shape.name, [shop.instance, later.instance], 5_000);
    expect(changes.map(({ kind }) => kind)).toEqual(["joined"]);
  });

  it("finds again who was said to have left", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const { listed, on } = await listening();
    await on.publish(said({ ...presence, said: "left", instance: shop.instance }));
    await untilKnown(listed, w().shape.name, [], 5_000);
    // Its consumer is one more than is known, so the service is asked.
    await untilKnown(listed, w().shape.name, [shop.instance], 15_000);
  });

  it("questions and probes that nobody can answer harm no instance", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const on = w().connect();
    onTestFinished(() => on.close({ drainMs: 0 }));
    const to = { exchange: "", key: names.instance(w().shape.name, shop.instance), persistent: false };
    for (const type of ["warren.who", "warren.probe"])
      for (const replyTo of [undefined, "nowhere", w().shape.name])
        await on.publish({ ...to, type, replyTo, body: Buffer.from("{"), mandatory: true });
    expect(await shop.client(w().shape).add({ a: 1, b: 2 }, { to: shop.instance })).toBe(3);
    expect((await on.inspect(names.dead(w().shape.name)))?.messages).toBe(0);
  });
});
