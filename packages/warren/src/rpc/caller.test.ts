import { expect, it, onTestFinished } from "vitest";
import { json } from "../codec/json.ts";
import { reading } from "../codec/reading.ts";
import { contract } from "../contract/contract.ts";
import { rpc } from "../contract/method.ts";
import { embedded } from "../embedded/index.ts";
import { idSource } from "../id.ts";
import { silent } from "../log.ts";
import { systemClock } from "../time.ts";
import type { Transport, TransportState } from "../transport.ts";
import { type Caller, caller } from "./caller.ts";

const { pay, look } = contract("till", { methods: { pay: rpc(), look: rpc({ idempotent: true }) } }).methods;

/** An embedded transport whose reply address can be lost alone, as when only RabbitMQ's consuming connection breaks. */
async function withLosableAddress() {
  const real = embedded();
  onTestFinished(() => real.close({ drainMs: 0 }));
  let changed: (state: TransportState) => void = () => {};
  let lost: "no" | "yes" | "renewed" = "no";
  const transport: Transport = {
    name: "losable",
    maxMessageBytes: real.maxMessageBytes,
    declare: (topology) => real.declare(topology),
    publish: (message) => real.publish(message),
    send: (message, returned) => real.send(message, returned),
    consume: (queue, handle, options) => real.consume(queue, handle, options),
    inspect: (queue) => real.inspect(queue),
    close: (options) => real.close(options),
    get state() {
      return { publishing: true, consuming: lost !== "yes" };
    },
    watch(run) {
      changed = run;
      return () => {};
    },
    async replies(handle) {
      const [first, second] = [await real.replies(handle), await real.replies(handle)];
      return {
        get address() {
          return lost === "no" ? first.address : lost === "renewed" ? second.address : undefined;
        },
      };
    },
  };
  const lose = (how: "yes" | "renewed"): void => {
    lost = how;
    changed(transport.state);
  };
  return { transport, lose };
}

async function started(transport: Transport): Promise<Caller> {
  const calls = caller({
    transport,
    codec: json,
    reading: reading([], 1_000),
    clock: systemClock,
    nextId: idSource("t"),
    log: silent,
    maxCalls: 10,
    maxCallBytes: 1_000,
    maxBytes: 1_000,
  });
  await calls.start();
  return calls;
}

it("a call whose reply address is lost while sending still works is not sent again, unless idempotent", async () => {
  const { transport, lose } = await withLosableAddress();
  const seen: (string | undefined)[] = [];
  await transport.declare({ queues: [{ name: "till.requests", type: "classic", lifetime: "durable" }] });
  await transport.consume(
    "till.requests",
    ({ type, replyTo, messageId }) => {
      seen.push(type);
      // The first time round nobody answers.
      if (seen.length > 2)
        transport.send({
          exchange: "",
          key: replyTo!,
          body: Buffer.alloc(0),
          persistent: false,
          mandatory: false,
          correlationId: messageId,
        });
      return "ack";
    },
    { prefetch: 10 },
  );
  const calls = await started(transport);
  const paid = calls.call(pay, undefined, {}, {});
  const looked = calls.call(look, undefined, {}, {});
  await expect.poll(() => seen).toHaveLength(2);
  lose("yes");
  await expect(paid).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
  lose("renewed");
  await expect(looked).resolves.toBeUndefined();
  expect(seen).toEqual(["till.pay", "till.look", "till.look"]);
});

it("also where the new address is there at once", async () => {
  const { transport, lose } = await withLosableAddress();
  const seen: (string | undefined)[] = [];
  await transport.declare({ queues: [{ name: "till.requests", type: "classic", lifetime: "durable" }] });
  await transport.consume("till.requests", ({ type }) => (seen.push(type), "ack"), { prefetch: 10 });
  const calls = await started(transport);
  const paid = calls.call(pay, undefined, {}, {});
  await expect.poll(() => seen).toHaveLength(1);
  lose("renewed");
  await expect(paid).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
  await transport.publish({
    exchange: "",
    key: "till.requests",
    body: Buffer.alloc(0),
    persistent: false,
    mandatory: true,
    type: "last",
  });
  await expect.poll(() => seen).toEqual(["till.pay", "last"]);
});

it("a call that is to fail where nobody listens is UNAVAILABLE when the broker cannot say", async () => {
  const { transport } = await withLosableAddress();
  const inspect = (): Promise<never> => Promise.reject(new Error("Channel closed"));
  const calls = await started({ ...transport, state: transport.state, inspect });
  await expect(calls.call(pay, undefined, { ifDown: "fail" }, {})).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("Channel closed"),
  });
});
