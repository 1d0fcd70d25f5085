import type { Binding, Exchange, Queue, Topology } from "../transport.ts";
import type { AmqpChannel, AmqpConnection, AmqpError } from "./amqp.ts";
import type { Settings } from "./options.ts";

/** What was declared, so that it can be declared again. */
export interface DeclaredTopology {
  /** @throws Error naming what exists with other arguments, or what is missing; the connection's error when that was lost */
  declare(connection: AmqpConnection, topology: Topology): Promise<void>;
  /** Everything, on a new connection. What the broker refuses is logged and left. */
  again(connection: AmqpConnection): Promise<void>;
  /** Whether this exchange was declared here. */
  declared(exchange: string): boolean;
  /**
   * Everything, on a channel that is kept for that; what somebody deleted comes back. Logs what is refused once.
   * @returns how many messages are ready in each queue
   */
  assert(connection: AmqpConnection): Promise<ReadonlyMap<string, number>>;
  /** One queue and what leads to it, after it was deleted under a consumer. */
  queueAgain(connection: AmqpConnection, queue: string): Promise<void>;
  /** Its consumer has stopped: a queue that lives no longer than that is not declared again. */
  consumerStopped(queue: string): void;
}

type Step = (channel: AmqpChannel) => Promise<unknown>;

export function declaredTopology({ log }: Settings): DeclaredTopology {
  const exchanges = new Map<string, Exchange>();
  const queues = new Map<string, Queue>();
  const bindings = new Map<string, Binding>();

  /** Kept open between two times of `assert`. */
  let asserting: AmqpChannel | undefined;
  let toldRefusals = new Set<string>();
  let ready = new Map<string, number>();

  function counted(queue: Queue): Step {
    return async (channel) => {
      ready.set(queue.name, await queueStep(queue)(channel));
    };
  }

  /** Not what was forgotten meanwhile: a queue of a consumer that has stopped would stay for as long as the connection. */
  function all(): Step[] {
    const kept =
      <T>(of: Map<string, T>, step: (value: T) => Step) =>
      ([key, value]: [string, T]): Step =>
      async (channel) =>
        of.get(key) === value ? step(value)(channel) : undefined;
    return [
      ...[...exchanges].map(kept(exchanges, exchangeStep)),
      ...[...queues].map(kept(queues, counted)),
      ...[...bindings].map(kept(bindings, bindingStep)),
    ];
  }

  /** A refused step closes the channel, so the next one needs another. */
  async function forgiving(connection: AmqpConnection, steps: Step[]): Promise<void> {
    let channel: AmqpChannel | undefined;
    for (const step of steps) {
      if (!connection.open) return;
      try {
        channel = channel?.open ? channel : await connection.channel();
        await step(channel);
      } catch (error) {
        const { message } = error as Error;
        // A consumer asks again and again for as long as a node is down. What is told here, `assert` does not tell again.
        if (!connection.open || toldRefusals.has(message)) continue;
        toldRefusals.add(message);
        log.error({ err: error }, "RabbitMQ refused to declare again what was declared before");
      }
    }
    // It was lost with the connection, which the next one makes up for.
    await channel?.close().catch(() => {});
  }

  return {
    async declare(connection, topology) {
      let channel = await connection.channel();
      const away = new Set<string>();
      for (const exchange of topology.exchanges ?? []) {
        await exchangeStep(exchange)(channel);
        exchanges.set(exchange.name, exchange);
      }
      for (const queue of topology.queues ?? []) {
        try {
          await queueStep(queue)(channel);
        } catch (error) {
          if (!isHomeDown(error)) throw error;
          log.error(
            { err: error },
            `the node that holds "${queue.name}" is down; going on without it until it is back`,
          );
          away.add(queue.name);
          channel = await connection.channel();
        }
        queues.set(queue.name, queue);
      }
      for (const binding of topology.bindings ?? []) {
        if (!away.has(binding.queue)) await bindingStep(binding)(channel);
        bindings.set(JSON.stringify([binding.queue, binding.exchange, binding.key]), binding);
      }
      await channel.close();
    },
    async again(connection) {
      await forgiving(connection, all());
    },
    declared: (exchange) => exchanges.has(exchange),
    async assert(connection) {
      const refusals = new Set<string>();
      ready = new Map();
      for (const step of all()) {
        if (!connection.open) return ready;
        try {
          if (!asserting?.open || asserting.connection !== connection) asserting = await connection.channel();
          await step(asserting);
        } catch (error) {
          if (!connection.open) return ready;
          const { message } = error as Error;
          refusals.add(message);
          if (!toldRefusals.has(message))
            log.warn(
              { err: error },
              "RabbitMQ no longer has what was declared, and refuses to have it again",
            );
        }
      }
      toldRefusals = refusals;
      return ready;
    },
    async queueAgain(connection, name) {
      const queue = queues.get(name);
      if (!queue) return;
      const own = [...bindings.values()].filter((binding) => binding.queue === name);
      const sources = own.flatMap((binding) => exchanges.get(binding.exchange) ?? []);
      await forgiving(connection, [...sources.map(exchangeStep), queueStep(queue), ...own.map(bindingStep)]);
    },
    consumerStopped(name) {
      if (queues.get(name)?.lifetime !== "consumer") return;
      queues.delete(name);
      for (const [key, binding] of bindings) if (binding.queue === name) bindings.delete(key);
    },
  };
}

function exchangeStep({ name, type, alternate }: Exchange): Step {
  return (channel) =>
    channel.exchange(name, type, alternate).catch((error) => fail(`exchange "${name}"`, error));
}

function queueStep(queue: Queue): (channel: AmqpChannel) => Promise<number> {
  const options =
    queue.lifetime === "durable"
      ? { durable: true, exclusive: false, autoDelete: false, arguments: queueArguments(queue) }
      : {
          durable: false,
          exclusive: true,
          autoDelete: queue.lifetime === "consumer",
          arguments: queueArguments({ ...queue, type: "classic" }),
        };
  return (channel) =>
    channel.queue(queue.name, options).catch((error) => fail(`queue "${queue.name}"`, error));
}

function bindingStep({ queue, exchange, key }: Binding): Step {
  const what = `binding of queue "${queue}" to exchange "${exchange}"`;
  return (channel) => channel.bind(queue, exchange, key).catch((error) => fail(what, error));
}

/** The type is explicit: a virtual host may have another default. */
function queueArguments(queue: Queue): Record<string, unknown> {
  const { type, deadLetter, messageTtlMs, deliveryLimit } = queue;
  const args: Record<string, unknown> = { "x-queue-type": type };
  if (queue.singleActive) args["x-single-active-consumer"] = true;
  if (queue.maxBytes !== undefined) args["x-max-length-bytes"] = queue.maxBytes;
  if (messageTtlMs !== undefined) args["x-message-ttl"] = messageTtlMs;
  if (deliveryLimit !== undefined && type === "quorum") args["x-delivery-limit"] = deliveryLimit;
  if (!deadLetter) return args;
  args["x-dead-letter-exchange"] = deadLetter.exchange;
  if (deadLetter.key !== undefined) args["x-dead-letter-routing-key"] = deadLetter.key;
  if (type === "quorum") {
    // Without these two, a dead letter is lost when its target is away or the node stops in the middle.
    args["x-dead-letter-strategy"] = "at-least-once";
    args["x-overflow"] = "reject-publish";
  }
  return args;
}

/**
 * In a cluster a classic queue lives on one node, and while that is down the queue can neither be used nor declared. It
 * comes back with the node, so that an app has to start without it rather than not at all.
 */
export function isHomeDown(error: unknown): boolean {
  const { code, message } = error as AmqpError;
  return code === 404 && message.includes("is down or inaccessible");
}

/** `what` names the thing; the broker's own text says what differs. */
function fail(what: string, error: AmqpError): never {
  const { code, message: text } = error;
  const advice = isHomeDown(error)
    ? `is on a node of RabbitMQ that is down: ${text}. It comes back with that node.`
    : code === 406
      ? `exists on RabbitMQ with other settings: ${text}. Delete it there once it is empty, or declare it as it is.`
      : code === 404
        ? `needs something that does not exist on RabbitMQ: ${text}. Declare that first.`
        : code === 403 || code === 405
          ? `is not ours to use on RabbitMQ: ${text}. Grant the permission, or choose another name.`
          : `could not be declared on RabbitMQ: ${text}.`;
  throw Object.assign(new Error(`${what[0]!.toUpperCase()}${what.slice(1)} ${advice}`, { cause: error }), {
    code,
  });
}
