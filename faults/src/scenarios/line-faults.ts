import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Heal } from "./scenario.ts";
import type { World } from "./world.ts";

/** Every TCP connection ends with a reset. */
export const cutLines: Fault = {
  name: "TCP reset of all connections",
  async strike({ proxies }) {
    for (const proxy of proxies) proxy.cut();
    return undefined;
  },
};

/**
 * Two resets and a kill -9 of the workers, so close together that handlers of the first connection are still busy on the
 * third: what they settle then has the number of another message there, which the kill takes out of all hands.
 */
export const cutTwiceAndKill: Fault = {
  name: "two TCP resets, then kill -9 of all workers",
  async strike({ proxies, workers }, chance) {
    await Promise.all(workers.map((worker) => worker.ready()));
    for (const afterMs of [0, 250 + chance * 300]) {
      await sleep(afterMs);
      for (const proxy of proxies) proxy.cut();
    }
    await sleep(250 + chance * 400);
    for (const worker of workers) worker.signal("SIGKILL");
    return undefined;
  },
};

/** Half-open: connections stay, and nothing passes. */
export const blackhole: Fault = {
  name: "TCP black hole",
  async strike(world) {
    await Promise.all(world.proxies.map((proxy) => proxy.set("blackhole")));
    return async () => {
      await pass(world)();
      // What was swallowed cannot come any more: a stream of bytes with a hole in it is no AMQP.
      for (const proxy of world.proxies) proxy.cut();
    };
  },
};

/** The reset comes after some number of bytes: in the middle of a frame, as a rule. */
export const cutInFrame: Fault = {
  name: "TCP reset within a frame",
  async strike({ proxies }, chance) {
    const bytes = Math.floor(chance * 20_000);
    for (const proxy of proxies) proxy.cutAfter(bytes % 2 === 0 ? "up" : "down", bytes);
    return async () => {
      for (const proxy of proxies) for (const way of ["up", "down"] as const) proxy.cutAfter(way, undefined);
    };
  },
};

/** Every byte arrives by itself. */
export const splitLines: Fault = {
  name: "TCP in single bytes",
  async strike({ proxies }) {
    for (const proxy of proxies) proxy.split(true);
    return async () => {
      for (const proxy of proxies) proxy.split(false);
    };
  },
};

/** Nobody listens. */
export const refuseLines: Fault = {
  name: "TCP connections refused",
  async strike(world) {
    await Promise.all(world.proxies.map((proxy) => proxy.set("refuse")));
    for (const proxy of world.proxies) proxy.cut();
    return pass(world);
  },
};

/** The broker ends every connection with connection.close 320. */
export const closeConnections: Fault = {
  name: "connection.close 320",
  async strike({ nodes }) {
    await nodes.closeConnections();
    return undefined;
  },
};

/** A bug in the broker: each channel's process dies, and its connection is closed with 541. */
export const crashChannels: Fault = {
  name: "connection.close 541",
  async strike({ nodes }) {
    await nodes.nodes[0]!.evaluate("[exit(Channel, kill) || Channel <- rabbit_channel:list_local()], ok");
    return undefined;
  },
};

/**
 * The broker closes the channel of a consumer that keeps a message for too long (406). The limit is read when a
 * channel opens, so the connections are closed too.
 */
export const consumerTimeout: Fault = {
  name: "channel.close 406 by consumer timeout",
  async strike({ nodes }) {
    const limit = (timeoutMs: number, tickMs: number): Promise<string> =>
      nodes.nodes[0]!.evaluate(
        `application:set_env(rabbit, consumer_timeout, ${timeoutMs}), application:set_env(rabbit, channel_tick_interval, ${tickMs}), ok`,
      );
    await limit(1_000, 250);
    await nodes.closeConnections();
    return async () => {
      await limit(1_800_000, 60_000);
      await nodes.closeConnections();
    };
  },
};

function pass({ proxies }: World): Heal {
  return async () => {
    await Promise.all(proxies.map((proxy) => proxy.set("pass")));
  };
}
