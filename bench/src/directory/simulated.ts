// Many instances in few processes and over few connections: real apps, whose transports share some real ones.
import { type App, app, type Consumer, contract, service, silent, type Transport } from "warren";
import { rabbitmq } from "warren/rabbitmq";

/** Messages of the directory, as instances sent and got them. */
export interface Tally {
  sent: number;
  received: number;
}

export interface Simulated {
  readonly app: App;
  /** Its consumers and its queue are gone, as after a kill, and nobody was told. */
  kill(): Promise<void>;
}

export interface Simulation {
  readonly tally: Tally;
  /** Starts one more instance of the service. */
  start(service: string): Promise<Simulated>;
  close(): Promise<void>;
}

const perConnection = 100;

export function simulation(url: string): Simulation {
  const tally: Tally = { sent: 0, received: 0 };
  const shared: Transport[] = [];
  let started = 0;

  return {
    tally,
    async start(name) {
      if (started++ % perConnection === 0) shared.push(rabbitmq({ url, assertEveryMs: 3_600_000 }));
      const { transport, kill } = apart(shared.at(-1)!, tally);
      const made = app({
        transport,
        services: [service(contract(name, {}), { methods: {} })],
        version: "1.4.0",
        log: silent,
      });
      await made.start();
      return { app: made, kill };
    },
    async close() {
      await Promise.all(shared.map((each) => each.close({ drainMs: 0 })));
    },
  };
}

/** One instance's part of a shared connection. Its own queues live as long as their consumers, and so can be killed. */
function apart(shared: Transport, tally: Tally): { transport: Transport; kill: () => Promise<void> } {
  const consumers: Consumer[] = [];
  let killed = false;
  const kill = async (): Promise<void> => {
    killed = true;
    await Promise.all(consumers.map((each) => each.stop()));
  };
  const transport: Transport = {
    ...{ name: shared.name, maxMessageBytes: shared.maxMessageBytes },
    declare: (topology) =>
      shared.declare({
        ...topology,
        queues: (topology.queues ?? []).map((queue) =>
          queue.lifetime === "connection" ? { ...queue, lifetime: "consumer" } : queue,
        ),
      }),
    publish: (message) => shared.publish(message),
    send(message, returned) {
      if (killed) return true;
      if (message.type?.startsWith("warren.")) tally.sent++;
      return shared.send(message, returned);
    },
    async consume(queue, handle, options) {
      const consumer = await shared.consume(
        queue,
        (message) => {
          if (message.type?.startsWith("warren.")) tally.received++;
          return handle(message);
        },
        options,
      );
      consumers.push(consumer);
      return consumer;
    },
    // Nobody calls anybody here.
    replies: async () => ({ address: "nobody" }),
    inspect: (queue) => shared.inspect(queue),
    get state() {
      return shared.state;
    },
    watch: (changed) => shared.watch(changed),
    close: kill,
  };
  return { transport, kill };
}
