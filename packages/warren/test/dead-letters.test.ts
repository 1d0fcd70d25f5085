import { describe, expect, it } from "vitest";
import { headers, letterBody, names } from "../src/index.ts";
import { deadWorld } from "./dead-letters-world.ts";
import { transports } from "./shape-world.ts";

const hourMs = 3_600_000;

describe.each(transports)("looking at dead letters, on %s", (transport) => {
  const w = deadWorld(transport);
  const here = () => ({ services: [w().service] });

  it("shows all that is known about a letter", async () => {
    await w().put({
      id: "m1",
      body: '{"item":7}',
      error: "OUT_OF_STOCK: none left",
      failedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      more: { [headers.stack]: "at reserve", [headers.replayed]: 2, tenant: "acme" },
    });
    const [letter, ...others] = await w().letters.show("m1", here());
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      id: "m1",
      service: w().service,
      type: `${w().service}.sold`,
      reason: "failed",
      error: "OUT_OF_STOCK: none left",
      stack: "at reserve",
      queue: names.events(w().service),
      attempts: 5,
      failedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
      firstFailedAt: Date.UTC(2026, 0, 2, 3, 3, 5),
      version: "1.2.3",
      instance: "i1",
      replayed: 2,
      conversation: "m1",
      contentType: "application/json",
      headers: { tenant: "acme" },
    });
    expect(await letterBody(letter!)).toEqual({ json: { item: 7 } });
  });

  it("tells bodies that are no JSON as text, and those that are no text as Base64", async () => {
    await w().put({ body: "plain" }, { properties: { body: Buffer.from([0xff, 0x00]) } }, { body: "" });
    const { letters } = await w().letters.list(here());
    expect(await Promise.all(letters.map(letterBody))).toEqual([
      { text: "plain" },
      { base64: "/wA=" },
      { text: "" },
    ]);
  });

  it("names a letter without an id by its content, the same at each look", async () => {
    await w().put({ id: undefined, body: "1" }, { id: undefined, body: "2" });
    const first = (await w().letters.list(here())).letters.map(({ id }) => id);
    const second = (await w().letters.list(here())).letters.map(({ id }) => id);
    expect(new Set(first).size).toBe(2);
    expect(second).toEqual(first);
  });

  it("takes nothing away and keeps the order, however often and however many", async () => {
    const count = 4_500;
    await w().put(...Array.from({ length: count }, (_, n) => ({ body: String(n) })));
    for (let look = 0; look < 2; look++) {
      const seen = await w().letters.list(here());
      expect([seen.matched, seen.looked, seen.total]).toEqual([count, count, count]);
      expect(seen.letters.map(({ body }) => Number(Buffer.from(body)))).toEqual([...Array(count).keys()]);
    }
    expect((await w().drain(names.dead(w().service))).map(Number)).toEqual([...Array(count).keys()]);
  });

  it("says so where there are more than it may hold", async () => {
    await w().put(...Array.from({ length: 30 }, () => ({})));
    const few = w().open({ maxLetters: 20 });
    expect(await few.list(here())).toMatchObject({ matched: 20, looked: 20, total: 30 });
    const small = w().open({ maxBytes: 3_000 });
    const seen = await small.list(here());
    expect(seen.looked).toBeLessThan(30);
    expect(seen.total).toBe(30);
    expect((await w().letters.list(here())).looked).toBe(30);
  });

  it("filters by type, reason, text of the error, age and id, up to a limit", async () => {
    const now = Date.now();
    await w().put(
      { id: "a", type: "x.a", reason: "invalid", failedAt: now - 3 * hourMs },
      { id: "b", type: "x.b", error: "Error: Connection REFUSED", failedAt: now - hourMs },
      { id: "c", type: "x.b", failedAt: now },
    );
    const ids = async (filter: object) =>
      (await w().letters.list({ ...here(), ...filter })).letters.map(({ id }) => id);
    expect(await ids({ types: ["x.b"] })).toEqual(["b", "c"]);
    expect(await ids({ reasons: ["invalid"] })).toEqual(["a"]);
    expect(await ids({ error: "connection refused" })).toEqual(["b"]);
    expect(await ids({ olderThanMs: 2 * hourMs })).toEqual(["a"]);
    expect(await ids({ newerThanMs: 2 * hourMs })).toEqual(["b", "c"]);
    expect(await ids({ olderThanMs: hourMs / 2, newerThanMs: 2 * hourMs })).toEqual(["b"]);
    expect(await ids({ ids: ["a", "c", "nobody"] })).toEqual(["a", "c"]);
    expect(await ids({ limit: 2 })).toEqual(["a", "b"]);
    expect((await w().letters.list({ ...here(), limit: 2 })).matched).toBe(3);
  });

  it("groups letters by what failed, whatever numbers, ids and quotations the error has", async () => {
    await w().put(
      { id: "a", error: 'Error: order 17 of "ada" failed after 30.5 ms', failedAt: 1_000 },
      { id: "b", error: 'Error: order 4711 of "bob" failed after 2 ms', failedAt: 3_000 },
      { id: "c", error: "Error: no such user 123e4567-e89b-12d3-a456-426614174000", failedAt: 2_000 },
    );
    const { groups } = await w().letters.groups(here());
    expect(groups).toMatchObject([
      { count: 2, example: "a", first: 1_000, last: 3_000, services: [w().service], reason: "failed" },
      { count: 1, example: "c" },
    ]);
    expect(groups[0]!.error).toBe('Error: order … of "…" failed after … ms');
  });

  it("tells of letters that the broker moved why and from where", async () => {
    const from = `${w().service}.events`;
    const dead = { exchange: "", key: names.dead(w().service) };
    const waiting = `${w().service}.waiting`;
    await w().transport.declare({
      queues: [
        { name: from, type: "classic", lifetime: "connection", deadLetter: dead },
        {
          name: waiting,
          type: "classic",
          lifetime: "connection",
          messageTtlMs: 1,
          deadLetter: { exchange: "", key: from },
        },
      ],
    });
    const rejecting = await w().transport.consume(from, () => "reject", { prefetch: 1 });
    // It expired in one queue before it was rejected in the next: the last death counts.
    await w().transport.publish({
      exchange: "",
      key: waiting,
      body: Buffer.from("{}"),
      persistent: true,
      mandatory: true,
    });
    await expect.poll(async () => (await w().letters.list(here())).matched).toBe(1);
    await rejecting.stop();
    const { letters } = await w().letters.list(here());
    expect(letters).toMatchObject([
      { reason: "rejected", queue: from, error: undefined, attempts: undefined },
    ]);
  });

  it("knows every service that ever started, and refuses one that never did", async () => {
    await expect(w().letters.list({ services: ["no-such-service"] })).rejects.toThrow(
      /"no-such-service" never started/,
    );
  });

  it("is refused while somebody else looks, from another connection or the same one", async () => {
    await w().put({});
    const impatient = w().open({ waitMs: 0 });
    const elsewhere = w().open({ waitMs: 0 }, w().connect());
    const lock = {
      name: names.looking(names.dead(w().service)),
      type: "classic",
      lifetime: "consumer",
    } as const;
    const other = w().connect();
    await other.declare({ queues: [lock] });
    const looking = await other.consume(lock.name, () => "ack", { prefetch: 1 });
    for (const refused of [impatient, elsewhere])
      await expect(refused.list(here())).rejects.toThrow(/Somebody else is looking at the dead letters/);
    await looking.stop();
    expect(await elsewhere.list(here())).toMatchObject({ matched: 1 });

    const both = await Promise.allSettled([impatient.list(here()), impatient.list(here())]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const patient = await Promise.all([w().letters.list(here()), w().letters.list(here())]);
    expect(patient.map(({ matched }) => matched)).toEqual([1, 1]);
  });

  it("ends early when it is told to, and leaves everything", async () => {
    await w().put(...Array.from({ length: 100 }, () => ({})));
    const stop = new AbortController();
    stop.abort();
    expect(await w().letters.list(here(), { signal: stop.signal })).toMatchObject({ looked: 0, total: 100 });
    expect(await w().letters.list(here())).toMatchObject({ looked: 100 });
  });
});

describe.each(transports)("a message without a queue, on %s", (transport) => {
  const w = deadWorld(transport);

  it("is kept as unrouted, and is replayed to where it was to go once that is there", async () => {
    const { transport: on, service } = w();
    await on.declare({
      exchanges: [{ name: names.unrouted, type: "fanout" }],
      queues: [{ name: names.unrouted, type: "quorum", lifetime: "durable", deliveryLimit: 1_000_000 }],
      bindings: [{ queue: names.unrouted, exchange: names.unrouted, key: "" }],
    });
    const gone = `${service}.events`;
    await on.publish({
      exchange: names.unrouted,
      key: gone,
      type: "x.happened",
      body: Buffer.from("{}"),
      messageId: `lost-${service}`,
      persistent: true,
      mandatory: true,
    });
    const only = { services: [names.unrouted], ids: [`lost-${service}`] };
    expect((await w().letters.list(only)).letters).toMatchObject([
      { reason: "unrouted", queue: gone, service: names.unrouted },
    ]);
    expect(await w().letters.replay(only)).toMatchObject({ done: 0, stayed: [{ id: `lost-${service}` }] });
    const back = await w().queue("events");
    expect(await w().letters.replay(only)).toMatchObject({ done: 1, parts: [{ queue: gone, count: 1 }] });
    expect(await w().drain(back)).toEqual(["{}"]);
  });
});
