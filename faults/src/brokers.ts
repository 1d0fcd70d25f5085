import { type Nodes, startNodes } from "./nodes/index.ts";

/** The suite's own brokers: at most one at a time, kept from scenario to scenario. */
export interface Brokers {
  /** Stops what has another number of nodes, or nodes that do not run since a scenario came to no end. */
  have(count: 1 | 3): Promise<Nodes>;
  stop(): Promise<void>;
}

export function brokers(log: (line: string) => void): Brokers {
  let current: Nodes | undefined;

  async function stop(): Promise<void> {
    const last = current;
    current = undefined;
    await last?.stop();
  }

  return {
    async have(count) {
      const isWhole = current?.nodes.every(({ state }) => state === "running");
      if (current?.nodes.length === count && isWhole) return current;
      await stop();
      log(count === 1 ? "Starting a RabbitMQ node ..." : `Starting ${count} RabbitMQ nodes ...`);
      current = await startNodes({ count });
      return current;
    },
    stop,
  };
}
