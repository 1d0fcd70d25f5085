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
