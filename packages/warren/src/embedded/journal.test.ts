import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Incoming, Outgoing } from "../message.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import type { Disposition, Queue, Transport } from "../transport.ts";
import { embedded, embeddedBroker } from "./index.ts";

const message = (key: string, text = "text", more: Partial<Outgoing> = {}): Outgoing => ({
  exchange: "",
  key,
  body: Buffer.from(text),
  persistent: true,
  mandatory: true,
  ...more,
});
const text = ({ body }: Incoming): string => Buffer.from(body).toString();
const quorum = (name: string): Queue => ({ name, type: "quorum", lifetime: "durable" });

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-journal-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function using<T>(transport: Transport, run: (transport: Transport) => Promise<T>): Promise<T> {
  try {
    return await run(transport);
  } finally {
    await transport.close({ drainMs: 0 });
  }
}

async function taken(
  transport: Transport,
  queue: string,
  count: number,
  settle: Disposition = "ack",
): Promise<Incoming[]> {
  const got: Incoming[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const consumer = await transport.consume(
    queue,
    (m) => (got.push(m) === count && resolve(), got.length > count ? "requeue" : settle),
    { prefetch: 1 },
  );
  await promise;
  await consumer.stop();
  return got.slice(0, count);
}

describe("with a journal", () => {
  it("exchanges, bindings, queues and messages in order are there again after the end", async () => {
    const dataDir = folder();
    await using(embedded({ dataDir }), async (transport) => {
      await transport.declare({
        exchanges: [
          { name: "news", type: "topic", alternate: "rest" },
          { name: "rest", type: "fanout" },
        ],
        queues: [quorum("sport"), quorum("other")],
        bindings: [
          { exchange: "news", queue: "sport", key: "sport.#" },
          { exchange: "rest", queue: "other", key: "" },
        ],
      });
      await Promise.all([1, 2, 3].map((n) => transport.publish(message("sport", String(n)))));
    });
    await using(embedded({ dataDir }), async (transport) => {
      await transport.publish(message("sport.chess", "4", { exchange: "news" }));
      await transport.publish(message("weather", "rain", { exchange: "news" }));
      expect((await taken(transport, "sport", 4)).map(text)).toEqual(["1", "2", "3", "4"]);
      expect((await taken(transport, "other", 1)).map(text)).toEqual(["rain"]);
    });
    await using(embedded({ dataDir }), async (transport) => {
      expect(await transport.inspect("sport")).toEqual({ messages: 0, consumers: 0 });
    });
  });

  it("every property, header and byte comes back as it was", async () => {
    const dataDir = folder();
    const sent = message("q", "", {
      body: Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256)),
      contentType: "application/json",
      contentEncoding: "gzip",
      type: "a.b",
      messageId: "é\u0000\ud800",
      correlationId: "c",
      replyTo: "r",
      appId: "app",
      timestampSeconds: 1_700_000_000,
      headers: { s: "x", n: 1.5, zero: -0, nan: Number.NaN, far: -Infinity, yes: true, ["__proto__"]: "own" },
    });
    await using(embedded({ dataDir }), async (transport) => {
      await transport.declare({ queues: [quorum("q")] });
      await transport.publish(sent);
      await transport.publish({ ...message("q"), body: Buffer.alloc(0) });
    });
    await using(embedded({ dataDir }), async (transport) => {
      const [full, empty] = await taken(transport, "q", 2);
      const { mandatory: _, ...same } = sent;
      expect(full).toEqual({ ...same, redelivered: false, returns: 0 });
      expect(Object.is(full?.headers?.zero, -0)).toBe(true);
      expect(empty?.body).toEqual(Buffer.alloc(0));
    });
  });

  it("what need not last is gone: messages that are not persistent, queues of a connection", async () => {
    const dataDir = folder();
    await using(embedded({ dataDir }), async (transport) => {
      await transport.declare({
        queues: [quorum("q"), { name: "mine", type: "classic", lifetime: "connection" }],
      });
      await transport.publish(message("q", "a"));
      await transport.publish(message("q", "b", { persistent: false }));
      await transport.publish(message("mine"));
      await transport.publish(message("q", "c"));
    });
    await using(embedded({ dataDir }), async (transport) => {
      expect((await taken(transport, "q", 2)).map(text)).toEqual(["a", "c"]);
      expect(await transport.inspect("mine")).toBeUndefined();
    });
  });

  it("what is not persistent keeps its place behind what is", async () => {
    await using(embedded({ dataDir: folder() }), async (transport) => {
      await transport.declare({ queues: [quorum("q")] });
      const kinds = [true, false, true, false, false, true];
      kinds.map((persistent, n) => transport.send(message("q", String(n), { persistent })));
      expect((await taken(transport, "q", 6)).map(text)).toEqual(["0", "1", "2", "3", "4", "5"]);
    });
  });

  it("a message expires when it would have, though nobody was there", async () => {
    const dataDir = folder();
    const clock = virtualClock();
    await using(embedded({ dataDir, clock }), async (transport) => {
      await transport.declare({
        queues: [quorum("late"), { ...quorum("q"), deadLetter: { exchange: "", key: "late" } }],
      });
      await transport.publish(message("q", "soon", { expirationMs: 1_000 }));
      await transport.publish(message("q", "later", { expirationMs: 10_000 }));
      await clock.advance(900);
    });
    await using(embedded({ dataDir, clock }), async (transport) => {
      expect(await transport.inspect("q")).toMatchObject({ messages: 2 });
      await clock.advance(101);
      expect(await transport.inspect("q")).toMatchObject({ messages: 1 });
      expect(await transport.inspect("late")).toMatchObject({ messages: 1 });
    });
    await clock.advance(60_000);
    await using(embedded({ dataDir, clock }), async (transport) => {
      await clock.advance(1);
      expect(await transport.inspect("late")).toMatchObject({ messages: 2 });
    });
  });

  it("how often a message came back is counted on", async () => {
    const dataDir = folder();
    for (const returns of [0, 1, 2]) {
      await using(embedded({ dataDir }), async (transport) => {
        await transport.declare({ queues: [quorum("q")] });
        if (returns === 0) await transport.publish(message("q"));
        const [got] = await taken(transport, "q", 1, "requeue");
        expect(got).toMatchObject({ returns, redelivered: returns > 0 });
      });
    }
  });

  it("a connection that breaks while a handler has a message gives it back, counted once", async () => {
    const broker = embeddedBroker({ dataDir: folder() });
    const transport = embedded({ broker });
    await transport.declare({ queues: [quorum("q")] });
    await transport.publish(message("q"));
    const got: Incoming[] = [];
    await transport.consume(
      "q",
      (m) => (got.push(m) === 1 ? (broker.cut(transport), new Promise(() => {})) : "ack"),
      { prefetch: 5 },
    );
    await expect.poll(() => got.map((m) => m.returns)).toEqual([0, 1]);
    await transport.close({ drainMs: 0 });
    broker.close();
    broker.close();
    await expect(embedded({ broker }).publish(message("q"))).rejects.toMatchObject({ code: "STOPPED" });
    await expect(embedded({ broker }).declare({})).rejects.toMatchObject({ code: "STOPPED" });
  });

  it("a file that was full is small again once its messages are handled", async () => {
    const dataDir = folder();
    const bytes = (): number => statSync(join(dataDir, "broker.db")).size;
    await using(embedded({ dataDir }), async (transport) => {
      await transport.declare({ queues: [quorum("q")] });
      const body = Buffer.alloc(20_000, 1);
      await Promise.all(Array.from({ length: 1_000 }, () => transport.publish({ ...message("q"), body })));
      expect(bytes()).toBeGreaterThan(15_000_000);
      await taken(transport, "q", 1_000);
      await transport.declare({});
      await expect.poll(bytes).toBeLessThan(200_000);
    });
  });
});

describe("a declaration unlike that of the process before", () => {
  const declaring = (dataDir: string, queue: Partial<Queue>, text?: string) =>
    using(embedded({ dataDir }), async (transport) => {
      await transport.declare({ exchanges: [{ name: "e", type: "topic" }] });
      await transport.declare({ queues: [{ ...quorum("q"), ...queue }] });
      if (text !== undefined) await transport.publish(message("q", text));
    });

  it("is taken where the queue is empty, once", async () => {
    const dataDir = folder();
    await declaring(dataDir, {});
    await declaring(dataDir, { deliveryLimit: 3 });
    await using(embedded({ dataDir }), async (transport) => {
      await transport.declare({ queues: [{ ...quorum("q"), type: "classic" }] });
      await expect(transport.declare({ queues: [quorum("q")] })).rejects.toThrow(
        "give one of the two another name",
      );
    });
    await declaring(dataDir, { type: "classic" }, "kept");
  });

  it("is refused where messages wait, and says in which file and what to do", async () => {
    const dataDir = folder();
    await declaring(dataDir, {}, "precious");
    await expect(declaring(dataDir, { deliveryLimit: 3 })).rejects.toThrow(
      `1 message waits in it, in the journal "${join(dataDir, "broker.db")}"`,
    );
    await declaring(dataDir, {}, "another");
    await using(embedded({ dataDir }), async (transport) => {
      expect((await taken(transport, "q", 2)).map(text)).toEqual(["precious", "another"]);
    });
  });

  it("of an exchange is taken, and bindings stay", async () => {
    const dataDir = folder();
    await using(embedded({ dataDir }), (transport) =>
      transport.declare({
        exchanges: [{ name: "e", type: "topic" }],
        queues: [quorum("q")],
        bindings: [{ exchange: "e", queue: "q", key: "k" }],
      }),
    );
    await using(embedded({ dataDir }), (transport) =>
      transport.declare({ exchanges: [{ name: "e", type: "direct", alternate: "f" }] }),
    );
    await using(embedded({ dataDir }), async (transport) => {
      await transport.declare({ exchanges: [{ name: "e", type: "direct", alternate: "f" }] });
      await transport.publish(message("k", "still bound", { exchange: "e" }));
      await expect(transport.declare({ exchanges: [{ name: "e", type: "topic" }] })).rejects.toThrow('"e"');
    });
  });
});

describe("a journal that cannot be used says so by its name", () => {
  const file = (dataDir: string): string => join(dataDir, "broker.db");
  const full = async (dataDir: string): Promise<void> =>
    using(embedded({ dataDir }), async (transport) => {
      await transport.declare({ queues: [quorum("q")] });
      await Promise.all(Array.from({ length: 100 }, () => transport.publish(message("q", "x".repeat(500)))));
    });

  it("since another broker has it, in this process or another; not after that one's end", async () => {
    const dataDir = folder();
    const program = `
      const { embedded } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
      try { embedded({ dataDir: ${JSON.stringify(dataDir)} }); console.log("opened"); }
      catch (error) { console.log(error.message); }
      process.exit();`;
    const other = (): string =>
      execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
    await using(embedded({ dataDir }), async () => {
      expect(() => embedded({ dataDir })).toThrow(`"${file(dataDir)}" is in use`);
      expect(other()).toContain(`"${file(dataDir)}" is in use by another process`);
    });
    expect(other()).toBe("opened\n");
  });

  it("since its bytes are not a database's, or no more", async () => {
    const dataDir = folder();
    writeFileSync(file(dataDir), "something else entirely ".repeat(500));
    expect(() => embedded({ dataDir })).toThrow(`"${file(dataDir)}" is damaged`);
    rmSync(file(dataDir));
    await full(dataDir);
    const database = new DatabaseSync(file(dataDir));
    database.exec("update message set properties = 'gone' where id = 50");
    database.close();
    expect(() => embedded({ dataDir })).toThrow(`"${file(dataDir)}" is damaged`);
    rmSync(file(dataDir));
    await full(dataDir);
    writeFileSync(file(dataDir), Buffer.alloc(statSync(file(dataDir)).size - 4_096, 0xff), { flag: "r+" });
    expect(() => embedded({ dataDir })).toThrow(`"${file(dataDir)}" is damaged`);
  });

  it("since a newer Warren wrote it, or something else did", async () => {
    const dataDir = folder();
    await full(dataDir);
    const newer = new DatabaseSync(file(dataDir));
    newer.exec("pragma user_version = 2");
    newer.close();
    expect(() => embedded({ dataDir })).toThrow("written by a newer Warren (format 2; this one knows 1)");
    rmSync(file(dataDir));
    const foreign = new DatabaseSync(file(dataDir));
    foreign.exec("create table mine (a)");
    foreign.close();
    expect(() => embedded({ dataDir })).toThrow("not a journal of Warren");
    const after = new DatabaseSync(file(dataDir));
    expect(after.prepare("select name from sqlite_schema").all()).toHaveLength(1);
    after.close();
  });

  it("since its folder is a file", () => {
    const dataDir = join(folder(), "taken");
    writeFileSync(dataDir, "");
    expect(() => embedded({ dataDir })).toThrow(dataDir);
  });
});

it("who asks for no journal does not load SQLite", () => {
  const program = `
    const { embedded } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
    embedded();
    console.log(process.moduleLoadList.filter((name) => name.includes("sqlite")).length);`;
  expect(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })).toBe(
    "0\n",
  );
});
