import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded } from "../src/embedded/index.ts";
import { names } from "../src/index.ts";
import { deletedLater, message, unique } from "./rabbit.ts";
import { faultOf } from "./shape-world.ts";

interface Memory {
  readonly bytes: number;
  readonly handled: number;
  readonly mostRunning: number;
}

async function child(role: string, name: string) {
  const file = join(import.meta.dirname, "fixtures", "slow-consumer.ts");
  const process: ChildProcess = fork(file, [role, name, amqpUrl()], {
    execArgv: ["--expose-gc"],
    serialization: "json",
  });
  onTestFinished(async () => {
    if (process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, "exit");
    process.kill("SIGKILL");
    await exited;
  });
  await once(process, "message");
  return async <T>(asked: unknown): Promise<T> => {
    process.send(asked as string);
    return (await once(process, "message"))[0] as T;
  };
}

const MiB = 2 ** 20;

it("a consumer ten times slower than its publisher costs neither of them memory, and is never given more than its prefetch", async () => {
  const name = unique("slow").replaceAll(".", "-");
  for (const queue of [names.events, names.dead, names.requests, names.quarantine])
    await deletedLater(queue(`${name}-sink`));
  const consumer = await child("consume", name);
  const publisher = await child("publish", name);
  await publisher({ publish: 10_000 });
  const before = { publisher: await publisher<Memory>("memory"), consumer: await consumer<Memory>("memory") };
  await publisher({ publish: 30_000 });
  const after = { publisher: await publisher<Memory>("memory"), consumer: await consumer<Memory>("memory") };
  // Otherwise this test has shown nothing.
  expect(after.consumer.handled).toBeGreaterThan(100);
  expect(after.consumer.handled).toBeLessThan(40_000 / 5);
  expect(after.consumer.mostRunning).toBe(50);
  // 30,000 messages of 1,000 characters: a leak of each of them is 30 MiB at least.
  expect(after.publisher.bytes - before.publisher.bytes).toBeLessThan(8 * MiB);
  expect(after.consumer.bytes - before.consumer.bytes).toBeLessThan(8 * MiB);
}, 60_000);

it("the embedded broker refuses what exceeds maxQueueBytes instead of growing, and takes messages again once there is room", async () => {
  const transport = embedded({ maxQueueBytes: 1 * MiB });
  onTestFinished(() => transport.close({ drainMs: 0 }));
  await transport.declare({ queues: [{ name: "full", type: "quorum", lifetime: "durable" }] });
  const body = Buffer.alloc(10_000);
  let taken = 0;
  const refused = await faultOf(
    (async () => {
      for (;;) {
        await transport.publish(message("full", { body }));
        taken++;
      }
    })(),
  );
  expect(refused).toMatchObject({ code: "OVERLOADED", data: { limit: 1 * MiB } });
  expect(taken).toBe(103);
  expect(transport.state).toMatchObject({ publishing: false });
  const consumer = await transport.consume("full", () => "ack", { prefetch: 10 });
  await expect.poll(async () => (await transport.inspect("full"))?.messages).toBe(0);
  await consumer.stop();
  await transport.publish(message("full", { body }));
});
