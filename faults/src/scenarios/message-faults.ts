import type { Options } from "amqplib";
import { names } from "warren";
import { seeded } from "../nemesis/random.ts";
import { checksum, ledger } from "../processes/message.ts";
import { vandalName } from "./parking.ts";
import type { Fault } from "./scenario.ts";
import type { World } from "./world.ts";

/** Another program publishes what nobody can use. */
export const garbage: Fault = {
  name: "garbage",
  async strike(world, chance) {
    const { run, eventsQueue: queue } = world;
    const event = ledger(run).events.moved.id;
    const exchange = names.eventExchange;
    const right = { type: event, contentType: "application/json" };
    const bytes = Buffer.from(Array.from({ length: 300 }, seededBytes(chance)));
    const good = JSON.stringify({ publisher: "x", n: 1, key: "k", kind: "ok", sum: 1 });
    await vandalise(world, [
      { exchange, key: event, body: Buffer.from('{"publisher": '), options: right },
      { exchange, key: event, body: Buffer.from(""), options: right },
      { exchange, key: event, body: bytes, options: right },
      { exchange, key: event, body: Buffer.from('{"publisher": 7}'), options: right },
      { exchange, key: event, body: Buffer.from("null"), options: right },
      { exchange: "", key: queue, body: Buffer.from(good), options: { ...right, type: `${event}.unknown` } },
      { exchange: "", key: queue, body: Buffer.from(good), options: {} },
      { exchange, key: event, body: Buffer.alloc(200_000, "["), options: right },
      { exchange, key: event, body: bytes, options: { ...right, headers: oddHeaders } },
    ]);
    return undefined;
  },
};

/** Bodies beyond the limit of Warren's own publishers, which the broker takes all the same. */
export const oversized: Fault = {
  name: "a message beyond the limits",
  async strike(world) {
    const event = ledger(world.run).events.moved.id;
    const options = { type: event, contentType: "application/json" };
    await vandalise(world, [
      { exchange: names.eventExchange, key: event, body: Buffer.alloc(17 * 2 ** 20, "["), options },
      {
        exchange: names.eventExchange,
        key: event,
        body: Buffer.from("{"),
        options: { ...options, headers: { long: "x".repeat(60_000) } },
      },
    ]);
    return undefined;
  },
};

/** A producer that publishes everything twice. */
export const duplicates: Fault = {
  name: "messages published twice",
  async strike(world, chance) {
    const { admin, history, run } = world;
    const event = ledger(run).events.moved.id;
    const publisher = `${vandalName(run)}:twice-${Math.floor(chance * 1e9)}`;
    await admin.use(async (channel) => {
      for (let n = 0; n < 50; n++) {
        const content = { publisher, n, key: "k", kind: "ok" };
        const sum = checksum(content);
        const id = `${publisher}:${n}`;
        history.write({ is: "attempted", id, n, key: "k", kind: "ok", sum });
        const body = Buffer.from(JSON.stringify({ ...content, sum }));
        const options = { messageId: id, type: event, contentType: "application/json", persistent: true };
        for (let i = 0; i < 2; i++) channel.publish(names.eventExchange, event, body, options);
      }
      await channel.waitForConfirms();
      for (let n = 0; n < 50; n++) history.write({ is: "acknowledged", id: `${publisher}:${n}` });
    });
    return undefined;
  },
};

interface Smear {
  readonly exchange: string;
  readonly key: string;
  readonly body: Buffer;
  readonly options: Options.Publish;
}

/** Publishes, confirmed, under ids that say whose they are. A connection that breaks meanwhile leaves them attempted. */
async function vandalise(world: World, smears: readonly Smear[]): Promise<void> {
  const { admin, history, run } = world;
  await admin.use(async (channel) => {
    const ids = smears.map(({ exchange, key, body, options }) => {
      const id = `${vandalName(run)}:${vandalCount++}`;
      history.write({ is: "attempted", id, n: 0, key: "-", kind: "garbage", sum: 0 });
      channel.publish(exchange, key, body, { ...options, messageId: id, persistent: true });
      return id;
    });
    await channel.waitForConfirms();
    for (const id of ids) history.write({ is: "acknowledged", id });
  });
}

let vandalCount = 0;

const oddHeaders = {
  "warren-attempt": "many",
  "warren-principal": "{",
  nested: { deep: [1, { deeper: true }] },
};

function seededBytes(chance: number): () => number {
  const random = seeded(Math.floor(chance * 2 ** 32));
  return () => Math.floor(random() * 256);
}
