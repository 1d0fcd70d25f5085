import { describe, expect, it } from "vitest";
import { names } from "../src/index.ts";
import { faultOf, gate, transports, world } from "./shape-world.ts";

describe.each(transports)("bad messages on the request queue, on %s", (transport) => {
  const w = world(transport);

  async function raw(body: string, properties: object = {}) {
    const transport = w().connect();
    const shop = await w().start({ services: [w().shapeService()] });
    const answered = gate<{ fault: unknown; text: string }>();
    const replies = await transport.replies((reply) =>
      answered.open({ fault: reply.headers?.["warren-fault"], text: Buffer.from(reply.body).toString() }),
    );
    const base = {
      exchange: "",
      key: names.requests(w().shape.name),
      body: Buffer.from(body),
      persistent: false,
      mandatory: true,
      messageId: "m",
    };
    return {
      transport,
      shop,
      answered: answered.promise,
      send: (more: object = {}) =>
        transport.publish({ ...base, replyTo: replies.address, ...properties, ...more }),
    };
  }

  it("garbage bytes are answered with BAD_MESSAGE", async () => {
    const { send, answered } = await raw("\u0000{garbage", { type: w().shape.methods.echo.id });
    await send();
    expect((await answered).fault).toBe("BAD_MESSAGE");
  });

  it("a key that would change a prototype is refused", async () => {
    const { send, answered } = await raw('{"__proto__":{"admin":true}}', { type: w().shape.methods.echo.id });
    await send();
    expect((await answered).fault).toBe("BAD_MESSAGE");
  });

  it.each(["*.unknown", "*.constructor", "*.__proto__", "toString", ""])(
    "the unknown method %j is answered with UNKNOWN_METHOD",
    async (pattern) => {
      const type = pattern.replace("*", w().shape.name);
      const { send, answered } = await raw("1", { type });
      await send();
      expect((await answered).fault).toBe("UNKNOWN_METHOD");
    },
  );

  it("a wrong input is answered with INVALID_INPUT naming the field", async () => {
    const { send, answered } = await raw('{"a":1}', { type: w().shape.methods.add.id });
    await send();
    expect(await answered).toMatchObject({
      fault: "INVALID_INPUT",
      text: expect.stringContaining('"path":"b"'),
    });
  });

  it("a forged principal is answered with BAD_MESSAGE", async () => {
    const { send, answered } = await raw("1", {
      type: w().shape.methods.secret.id,
      headers: { "warren-principal": "{" },
    });
    await send();
    expect((await answered).fault).toBe("BAD_MESSAGE");
  });

  it("without a reply address becomes a dead letter with the reason, and is not left unacknowledged", async () => {
    const { send, transport, shop } = await raw("garbage", { type: w().shape.methods.echo.id });
    const dead = gate<{ headers: any; text: string }>();
    await transport.consume(
      names.dead(w().shape.name),
      (message) => (
        dead.open({ headers: message.headers, text: Buffer.from(message.body).toString() }), "ack"
      ),
      { prefetch: 1 },
    );
    await send({ replyTo: undefined });
    expect(await dead.promise).toMatchObject({
      headers: { "warren-reason": "undecodable", "warren-queue": names.requests(w().shape.name) },
      text: "garbage",
    });
    expect(await shop.client(w().shape).add({ a: 1, b: 2 })).toBe(3);
  });

  it("a reply for nobody, or with no id, is dropped and does no harm", async () => {
    const raw = w().connect();
    const queue = names.requests(w().other.name);
    await raw.declare({ queues: [{ name: queue, type: "classic", lifetime: "durable" }] });
    await raw.consume(
      queue,
      async ({ replyTo, messageId }) => {
        const reply = { exchange: "", key: replyTo!, persistent: false, mandatory: false };
        for (const correlationId of [undefined, "nobody", "constructor"])
          await raw.publish({ ...reply, body: Buffer.from("\u0000"), correlationId });
        await raw.publish({ ...reply, body: Buffer.from('"right"'), correlationId: messageId });
        return "ack" as const;
      },
      { prefetch: 1 },
    );
    const shop = await w().start();
    expect(await shop.client(w().other).ask()).toBe("right");
    await raw.close({ drainMs: 100 });
  });

  it("a reply that cannot be decoded, or breaks the contract, is BAD_REPLY", async () => {
    const raw = w().connect();
    const queue = names.requests(w().other.name);
    const bodies = ["\u0000", "7"];
    await raw.declare({ queues: [{ name: queue, type: "classic", lifetime: "durable" }] });
    const answer = ({
      replyTo,
      messageId,
    }: {
      replyTo?: string | undefined;
      messageId?: string | undefined;
    }) =>
      raw.publish({
        exchange: "",
        key: replyTo!,
        persistent: false,
        mandatory: true,
        body: Buffer.from(bodies.shift()!),
        correlationId: messageId,
      });
    await raw.consume(queue, async (message) => (await answer(message), "ack" as const), { prefetch: 1 });
    const shop = await w().start();
    expect((await faultOf(shop.client(w().other).ask())).code).toBe("BAD_REPLY");
    expect((await faultOf(shop.client(w().other).ask())).code).toBe("BAD_REPLY");
    await raw.close({ drainMs: 100 });
  });
});
