// Dead letters are other people's messages: none of them may keep somebody from looking at the others.
import { describe, expect, it } from "vitest";
import { asJson } from "../src/cli/dead-letters/letter-text.ts";
import { terminalJson } from "../src/cli/text.ts";
import { sourceOf } from "../src/dead-letters/source.ts";
import { headers, type Incoming, letterBody, names } from "../src/index.ts";
import { deadWorld } from "./dead-letters-world.ts";
import { transports } from "./shape-world.ts";

describe.each(transports)("a hostile dead letter, on %s", (transport) => {
  const w = deadWorld(transport);
  const here = () => ({ services: [w().service] });

  it("may be dated beyond all dates", async () => {
    const undated = { [headers.failedAt]: "rubbish", [headers.firstFailedAt]: "+999999-01-01T00:00:00Z" };
    await w().put({ id: "a", more: undated, properties: { timestampSeconds: 1.7e15 } });
    const [letter] = await w().letters.show("a", here());
    expect(letter).toMatchObject({ failedAt: undefined, firstFailedAt: undefined });
    expect(JSON.parse(terminalJson(await asJson(letter!)))).toMatchObject({
      id: "a",
      body: { json: { n: 1 } },
    });
    expect(await w().letters.edit("a", { body: "2" }, here())).toMatchObject({ done: 1 });
  });

  it("may be JSON that is too deep to be written again", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const notSoDeep = `["]\\"[", ${"[".repeat(400)}${"]".repeat(400)}]`;
    await w().put({ body: deep }, { body: notSoDeep });
    const { letters } = await w().letters.list(here());
    expect((await Promise.all(letters.map(letterBody))).map(Object.keys)).toEqual([["text"], ["json"]]);
    const written = await Promise.all(letters.map(asJson));
    expect(written.map((letter) => JSON.parse(terminalJson(letter)).body.text)).toEqual([deep, undefined]);
  });

  it("counts with its headers towards what is held in memory", async () => {
    await w().put(...Array.from({ length: 30 }, () => ({ more: { big: "x".repeat(10_000) } })));
    const seen = await w().open({ maxBytes: 100_000 }).list(here());
    expect(seen.total).toBe(30);
    expect(seen.looked).toBeLessThan(20);
  });

  it("is not sent to a queue of another service, nor to the dead letters, whatever its headers say", async () => {
    const other = `other-${w().service}.requests`;
    const strange = [other, names.dead(w().service), "amq.rabbitmq.reply-to", "", "x".repeat(300)];
    const own = await w().queue("events");
    await w().transport.declare({ queues: [{ name: other, type: "classic", lifetime: "connection" }] });
    await w().put(...strange.map((queue, n) => ({ id: `m${n}`, queue })), { id: "own", queue: own });
    const why = "nothing says which queue of its service it came from";
    const stayed = strange.map((_, n) => ({ id: `m${n}`, service: w().service, why }));
    const told = { done: 1, stayed, parts: [{ queue: own, count: 1 }] };
    expect(await w().letters.replay(here(), { dryRun: true })).toMatchObject(told);
    expect(await w().letters.replay(here())).toMatchObject(told);
    expect(await w().transport.inspect(other)).toMatchObject({ messages: 0 });
    const [letter] = await w().letters.show("m0", here());
    expect(letter).toMatchObject({ queue: undefined, headers: { [headers.queue]: other } });
  });

  it("is sent to another service only as a call that its own service had to make", async () => {
    const other = `other-${w().service}`;
    const queue = names.requests(other);
    await w().transport.declare({ queues: [{ name: queue, type: "classic", lifetime: "connection" }] });
    const call = { queue, type: `${other}.take`, more: { [headers.key]: "k" } };
    await w().put(
      { ...call, id: "call" },
      { ...call, id: "without a key", more: {} },
      { ...call, id: "of another service", type: "third.take" },
      { ...call, id: "of no service", type: other },
      { ...call, id: "of no type", properties: { type: undefined } },
      { ...call, id: "to another queue", queue: `${other}.events` },
    );
    const { done, stayed } = await w().letters.replay(here());
    expect([done, stayed.length]).toEqual([1, 5]);
    expect(stayed.map(({ id }) => id)).not.toContain("call");
    expect(await w().transport.inspect(queue)).toMatchObject({ messages: 1 });
  });

  it("is not sent to another service where the broker moved it, with headers that anybody may have written", () => {
    const message: Incoming = {
      ...{ exchange: "", key: "", body: Buffer.alloc(0), persistent: true, redelivered: false, returns: 0 },
      type: "stock.take",
      headers: { [headers.queue]: "stock.requests", [headers.key]: "k" },
    };
    const source = sourceOf("shop");
    expect(source.target(message)).toEqual({ exchange: "", key: "stock.requests" });
    const moved = { ...message.headers, "x-first-death-queue": "shop.events" };
    expect(source.target({ ...message, headers: moved })).toBeUndefined();
  });

  it("is not sent to a queue of calls, where it pretends to have waited for a retry", async () => {
    const { transport: on, service } = w();
    const requests = names.requests(service);
    await on.declare({
      exchanges: [{ name: names.unrouted, type: "fanout" }],
      queues: [
        { name: requests, type: "classic", lifetime: "connection" },
        { name: names.unrouted, type: "quorum", lifetime: "durable", deliveryLimit: 1_000_000 },
      ],
      bindings: [{ queue: names.unrouted, exchange: names.unrouted, key: "" }],
    });
    await on.publish({
      exchange: names.unrouted,
      key: requests,
      body: Buffer.from("{}"),
      messageId: `sly-${service}`,
      persistent: true,
      mandatory: true,
    });
    const only = { services: [names.unrouted], ids: [`sly-${service}`] };
    expect(await w().letters.replay(only)).toMatchObject({ done: 0, stayed: [{ id: `sly-${service}` }] });
    expect(await on.inspect(requests)).toMatchObject({ messages: 0 });
    expect(await w().letters.discard(only)).toMatchObject({ done: 1 });
  });

  it("is written as JSON without anything that a terminal obeys", async () => {
    const evil = "\u001b[2J\u009b31m\u0007\u007f\u202e\u{e0041}";
    await w().put({ id: evil, body: JSON.stringify({ evil }), error: evil, more: { [evil]: evil } });
    const [letter] = (await w().letters.list(here())).letters;
    const text = terminalJson(await asJson(letter!), 2);
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(JSON.parse(text)).toMatchObject({
      id: evil,
      error: evil,
      headers: { [evil]: evil },
      body: { json: { evil } },
    });
  });
});

describe.each(transports)("a hostile name of a service, on %s", (transport) => {
  const w = deadWorld(transport);

  it("is left out, as no queue can be called so", async () => {
    const on = w().transport;
    await on.declare({
      queues: [{ name: names.services, type: "quorum", lifetime: "durable", deliveryLimit: 1_000_000 }],
    });
    const hostile = ["x".repeat(300), "\u001b[2J", "a.b", "", "warren", w().service];
    await Promise.all(
      hostile.map((service) =>
        on.publish({
          exchange: "",
          key: names.services,
          body: Buffer.from(JSON.stringify({ service })),
          persistent: true,
          mandatory: true,
        }),
      ),
    );
    await w().put({ id: "a" });
    const known = await w().letters.services();
    expect(known).toContain(w().service);
    for (const name of hostile.slice(0, -1)) expect(known).not.toContain(name);
    expect((await w().letters.list()).letters).toContainEqual(
      expect.objectContaining({ id: "a", service: w().service }),
    );
  });
});
