// The command as people run it: a process of its own, against RabbitMQ.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import {
  app,
  type Conversation,
  contract,
  conversations,
  names,
  randomId,
  service,
  silent,
  systemRandom,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { freshSqlite } from "./stores.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");
vi.setConfig({ testTimeout: 60_000 });

const run = (...args: string[]) => runWith({ AMQP_URL: amqpUrl(), WARREN_DATA: "" }, ...args);

async function runWith(settings: Readonly<Record<string, string>>, ...args: string[]) {
  const env = { ...process.env, COLUMNS: "200", ...settings };
  const child = spawn(process.execPath, [main, "conversations", ...args], { env });
  child.stdin.end();
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  return { code, stdout, stderr };
}

/** A service on which one event was done, in a conversation of its own. */
async function oneDone(): Promise<{ readonly id: string; readonly name: string }> {
  const suffix = randomId(systemRandom, 8);
  const shop = contract(`shop-${suffix}`, {
    events: { placed: z.object({ n: z.number() }), cancelled: z.object({}) },
  });
  const stock = contract(`stock-${suffix}`, { methods: {} });
  const store = (await freshSqlite()).open();
  const on = {
    [shop.events.placed.id]: {
      run: () => ({ hold: 41_414 }),
      undo: { [shop.events.cancelled.id]: () => {} },
    },
  };
  const transport = rabbitmq(amqpUrl());
  const running = app({
    transport,
    services: [
      service(shop, { methods: {} }),
      service(stock, { uses: { shop }, methods: {}, store, on: on as never }),
    ],
    log: silent,
  });
  onTestFinished(() => running.stop({ drainMs: 200 }));
  await running.start();
  const id = `c-${suffix}`;
  await transport.publish({
    exchange: names.eventExchange,
    key: shop.events.placed.id,
    type: shop.events.placed.id,
    messageId: id,
    contentType: "application/json",
    body: Buffer.from(JSON.stringify({ n: 1 })),
    persistent: true,
    mandatory: true,
  });
  await vi.waitFor(
    async () => expect((await conversations(transport).show(id)).conversation?.state).toBe("done"),
    20_000,
  );
  return { id, name: stock.name };
}

it("lists conversations, and shows one, for people and as JSON, with payloads only where they are asked for", async () => {
  const { id, name } = await oneDone();
  const list = await run("list", "--service", name);
  expect(list.code).toBe(0);
  expect(list.stdout).toMatch(new RegExp(`${id} +done .*${name}.*placed: done`));
  expect(list.stdout).toContain("1 conversation.");
  const lines = (await run("list", "--service", name, "--json")).stdout.trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as Conversation).id)).toEqual([id]);
  const shown = await run("show", id);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain("state         done");
  expect(shown.stdout).toContain(`${name}: reaction`);
  expect(shown.stdout).not.toContain("41414");
  expect((await run("show", id, "--data")).stdout).toContain("41414");
  const json = JSON.parse((await run("show", id, "--json")).stdout) as Conversation;
  expect(json.steps[0]).toMatchObject({ service: name, kind: "reaction", state: "done" });
});

it("says in words that there is nothing, with exit code 1, and 2 where it is used wrongly", async () => {
  const none = await run("show", "nobody-knows");
  expect(none.code).toBe(1);
  expect(none.stderr).toContain("Nobody knows of a conversation nobody-knows.");
  const empty = await run("list", "--service", "nobody");
  expect(empty.code).toBe(1);
  expect(empty.stdout).toContain("No conversation matches");
  expect(empty.stderr).toContain('No service "nobody" ever started on this broker.');
  const wrong = await run("list", "--state", "lost");
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("stuck");
  const help = await run("--help");
  expect(help.code).toBe(0);
  expect(help.stdout).toContain("Exit codes");
});

it("says that a known service has no conversation, and not that there is none of that name", async () => {
  const { name } = await oneDone();
  const { code, stdout, stderr } = await run("list", "--service", name, "--state", "stuck");
  expect(code).toBe(1);
  expect(stdout).toContain("No conversation matches");
  // Of services that other tests have left there it may say so.
  expect(stderr).not.toContain("No service");
});

it("says how to ask where services are on an embedded broker, which no other process reaches", async () => {
  for (const args of [["list"], ["show", "some-id"]]) {
    const { code, stderr } = await runWith({ AMQP_URL: "", WARREN_DATA: "data" }, ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^AMQP_URL is not set.*conversations\(transport\) of "warren"/);
  }
});
