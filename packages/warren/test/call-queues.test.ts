import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded } from "../src/embedded/index.ts";
import { app, contract, Fault, names, rpc, service, silent } from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { deletedLater, proxied } from "./rabbit.ts";
import { transports } from "./shape-world.ts";

function bank(entered: () => unknown) {
  const accounts = contract(`accounts-${crypto.randomUUID().slice(0, 8)}`, {
    methods: {
      balance: rpc({ output: z.number(), idempotent: true, timeoutMs: 8_000 }),
      pay: rpc({ output: z.number(), timeoutMs: 8_000 }),
    },
  });
  const run = async (): Promise<number> => {
    await entered();
    return 1;
  };
  return { accounts, bank: service(accounts, { callQueue: "quorum", methods: { balance: run, pay: run } }) };
}

describe.each(transports)("a service whose calls are kept in a quorum queue, on %s", (transport) => {
  it("answers", async () => {
    const { accounts, bank: implementation } = bank(() => {});
    const made = transport === "embedded" ? embedded() : rabbitmq(amqpUrl());
    if (transport === "rabbitmq") await deletedLater(names.requests(accounts.name));
    const all = app({ transport: made, services: [implementation], log: silent });
    onTestFinished(() => all.stop({ drainMs: 200 }));
    await all.start();
    expect(await all.client(accounts).balance()).toBe(1);
    expect(await all.client(accounts).pay()).toBe(1);
    await expect(
      made.declare({
        queues: [{ name: names.requests(accounts.name), type: "classic", lifetime: "durable" }],
      }),
    ).rejects.toThrow(/other (settings|properties)/);
  });
});

it("a call in a quorum queue whose instance loses its connection is run again only where that does no harm", async () => {
  const { proxy, url } = await proxied();
  let runs = 0;
  const { accounts, bank: implementation } = bank(() => {
    if (++runs > 1) return undefined;
    proxy.cut();
    return new Promise(() => {});
  });
  await deletedLater(names.requests(accounts.name));
  const options = { reconnect: { baseMs: 10, capMs: 50 } };
  const serving = app({ transport: rabbitmq({ url, ...options }), services: [implementation], log: silent });
  const calling = app({ transport: rabbitmq({ url: amqpUrl(), ...options }), log: silent });
  onTestFinished(async () => {
    await Promise.all([calling.stop({ drainMs: 200 }), serving.stop({ drainMs: 200 })]);
  });
  await serving.start();
  await calling.start();
  expect(await calling.client(accounts).balance()).toBe(1);
  runs = 0;
  const failure = await calling
    .client(accounts)
    .pay()
    .catch((error) => error);
  expect(failure).toBeInstanceOf(Fault);
  expect(failure).toMatchObject({ code: "UNKNOWN_OUTCOME" });
  expect(runs).toBe(1);
});

it("another kind of queue is refused", () => {
  const accounts = contract("accounts", {});
  expect(() => service(accounts, { callQueue: "stream" as never, methods: {} })).toThrow(
    'callQueue is "stream"',
  );
});
