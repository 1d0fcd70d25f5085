import { type Channel, connect } from "amqplib";
import { onTestFinished } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import type { Outgoing } from "../src/message.ts";
import { type RabbitmqOptions, rabbitmq } from "../src/rabbitmq/index.ts";
import { type TcpProxy, tcpProxy } from "../src/testing/tcp-proxy.ts";
import type { Transport } from "../src/transport.ts";

/** Names are used once: all tests share one broker. */
export function unique(name: string): string {
  return `test.${name}.${crypto.randomUUID().slice(0, 8)}`;
}

/** A transport that ends with the test, impatient about reconnecting. */
export function transport(options: RabbitmqOptions = {}): Transport {
  const made = rabbitmq({ url: amqpUrl(), reconnect: { baseMs: 10, capMs: 50 }, ...options });
  onTestFinished(() => made.close({ drainMs: 0 }));
  return made;
}

/** A proxy in front of the broker, and the URL that leads through it. */
export async function proxied(): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(amqpUrl());
  const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port || 5672) });
  onTestFinished(() => proxy.close());
  url.hostname = proxy.host;
  url.port = String(proxy.port);
  return { proxy, url: url.href };
}

/** What another client of the same broker could do. */
export async function outsider(): Promise<Channel> {
  const connection = await connect(amqpUrl());
  onTestFinished(() => connection.close());
  return connection.createChannel();
}

/** A durable queue, deleted after the test. */
export async function durableQueue(on: Transport, name = unique("queue")): Promise<string> {
  await on.declare({ queues: [{ name, type: "quorum", lifetime: "durable" }] });
  await deletedLater(name);
  return name;
}

export async function deletedLater(queue: string): Promise<void> {
  const channel = await outsider();
  onTestFinished(async () => void (await channel.deleteQueue(queue)));
}

export function message(key: string, more: Partial<Outgoing> = {}): Outgoing {
  return { exchange: "", key, body: Buffer.from("hello"), persistent: true, mandatory: true, ...more };
}

export function text(body: Uint8Array): string {
  return Buffer.from(body).toString();
}
