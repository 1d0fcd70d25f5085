import { Fault } from "../fault.ts";
import { idSource, randomId } from "../id.ts";
import type { Logger } from "../log.ts";
import { maxPrefetch, type Transport, type TransportState } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import type { AmqpConnection, AmqpError } from "./amqp.ts";
import { type QueueConsumer, queueConsumer } from "./consumer.ts";
import { keptAsserted } from "./kept-asserted.ts";
import { link, stopped } from "./link.ts";
import type { Credentials } from "./login.ts";
import { type RabbitmqOptions, readOptions } from "./options.ts";
import { outageLog } from "./outage.ts";
import { publisher } from "./publisher.ts";
import { type ReplyAddress, replyAddress } from "./replies.ts";
import { sender } from "./sender.ts";
import { stateBoard } from "./state-board.ts";
import { declaredTopology, isHomeDown } from "./topology.ts";

/**
 * The transport to RabbitMQ 3.10 or later. Connects on first use and from then on by itself. Two connections: the
 * broker stops reading one that publishes while it is short of memory or disk, and acks must not stand behind that.
 * @throws Error when an option makes no sense
 */
export function rabbitmq(options: string | RabbitmqOptions): Transport {
  const settings = readOptions(options);
  const { log } = settings;
  const nextId = idSource(randomId(settings.random));
  const topology = declaredTopology(settings);
  const consumers = new Set<QueueConsumer>();
  const replyAddresses = new Set<ReplyAddress>();
  let blocked: string | undefined;
  let closing: Promise<void> | undefined;

  const outage = outageLog(settings, ["consume", "publish"]);
  const consuming = link(settings, "consume", outage, {
    async setUp(connection) {
      publishing.hurry();
      asserting.start();
      await topology.again(connection);
      // Not awaited: a consumer whose queue cannot be had must not keep the others away.
      for (const consumer of [...consumers, ...replyAddresses]) void consumer.attach(connection, false);
    },
    changed: () => board.update(),
    wanted: () => out.busy,
    refused: () => {},
  });

  const publishing = link(settings, "publish", outage, {
    async setUp(connection) {
      consuming.hurry();
      blocked = undefined;
      out.blocked(undefined);
      connection.onBlocked((reason) => {
        blocked = reason;
        log.warn(
          { broker: connection.endpoint.label, reason },
          reason === undefined ? "RabbitMQ takes messages again" : "RabbitMQ takes no messages",
        );
        out.blocked(reason);
        board.update();
      });
      connection.onDrain(out.pump);
      // The broker may have lost its queues, so a mandatory message is sent again only when they are declared again.
      await Promise.race([consuming.ready(), connection.closed]);
      await Promise.all([out.steady.attach(connection, false), direct.steady.attach(connection, false)]);
    },
    changed: () => board.update(),
    wanted: () => out.busy,
    refused: (fault) => out.failAll(fault),
  });

  const restoring = { declared: topology.declared, restore, changed: () => board.update() };
  const out = publisher(settings, nextId, { ...restoring, away: () => publishing.reason });
  const direct = sender(settings, nextId, restoring);

  const asserting = keptAsserted(settings, topology, () => consuming.connection, consumers);
  settings.login?.onRenewed(renewed, notRenewed(log));

  const board = stateBoard(log, () => {
    const unable: string[] = [];
    let canPublish = false;
    if (closing) unable.push("closed");
    else if (!publishing.connection) unable.push(`publishing: ${publishing.reason}`);
    else if (blocked !== undefined) unable.push(`publishing: blocked by the broker: ${blocked}`);
    else if (!out.steady.channel || !direct.steady.channel) unable.push("publishing: opening a channel");
    else canPublish = true;
    let canConsume = false;
    if (!closing) {
      const detached = [...consumers]
        .filter((consumer) => !consumer.attached)
        .map((consumer) => consumer.queue);
      if (!consuming.connection) unable.push(`consuming: ${consuming.reason}`);
      else if (detached.length > 0) unable.push(`consuming: not attached to ${detached.join(", ")}`);
      else if ([...replyAddresses].some((replies) => !replies.attached))
        unable.push("consuming: no address for replies");
      else canConsume = true;
    }
    const state: TransportState = { publishing: canPublish, consuming: canConsume };
    return unable.length > 0 ? { ...state, reason: unable.join("; ") } : state;
  });

  /** One after the other: where they have to connect anew, they are not away at the same time. Neither rejects. */
  function renewed(credentials: Credentials): void {
    void publishing.renew(credentials).then(() => consuming.renew(credentials));
  }

  /** On this connection, whichever lost something: exclusive queues belong to theirs. */
  async function restore(): Promise<void> {
    if (consuming.connection) await topology.again(consuming.connection);
  }

  /** Both: whoever declares or consumes is going to send. */
  async function connected(): Promise<AmqpConnection> {
    if (closing) throw stopped();
    const [connection] = await Promise.all([consuming.ready(), publishing.ready()]);
    return connection;
  }

  /**
   * Runs on a connection, and again on the next one when it was lost in the middle, as long as one is waited for: the
   * request itself may be what the broker ends the connection for.
   */
  async function onConnection<T>(run: (connection: AmqpConnection) => Promise<T>): Promise<T> {
    const until = settings.clock.now() + settings.connectTimeoutMs;
    for (;;) {
      const connection = await connected();
      try {
        return await run(connection);
      } catch (error) {
        if (connection.open) throw error;
        if (settings.clock.now() > until) throw endedEachTime(connection, await connection.closed);
        log.debug(
          { err: error },
          "the connection was lost in the middle of a request; asking again on the next",
        );
      }
    }
  }

  async function close(drainMs: number): Promise<void> {
    await out.drain(drainMs);
    asserting.stop();
    settings.login?.stop();
    await Promise.all([publishing.stop(closeWaitMs), consuming.stop(closeWaitMs)]);
    board.update();
  }

  return {
    name: "rabbitmq",
    maxMessageBytes: settings.maxMessageBytes,
    declare: (wanted) => onConnection((connection) => topology.declare(connection, wanted)),
    publish(message) {
      if (!publishing.connection) start();
      return out.publish(message);
    },
    send(message, returned) {
      if (!publishing.connection) start();
      return blocked === undefined && !closing && direct.send(message, returned);
    },
    async consume(queue, handle, consumeOptions) {
      wholeNumber(`consume "${queue}": prefetch`, consumeOptions.prefetch, 1, 1, maxPrefetch);
      const consumer = queueConsumer(settings, queue, handle, consumeOptions, {
        changed: () => board.update(),
        redeclare: topology.queueAgain,
      });
      await onConnection((connection) => attached(consumer, connection));
      consumers.add(consumer);
      catchUp(consumer);
      return {
        stop() {
          consumers.delete(consumer);
          topology.consumerStopped(queue);
          board.update();
          return consumer.stop();
        },
      };
    },
    async replies(handle) {
      const replies = replyAddress(settings, handle, () => board.update());
      await onConnection((connection) => replies.attach(connection, true));
      replyAddresses.add(replies);
      catchUp(replies);
      return replies;
    },
    inspect: (queue) => onConnection((connection) => inspect(connection, queue)),
    get state() {
      return board.state;
    },
    watch: board.watch,
    close({ drainMs }) {
      closing ??= close(drainMs);
      board.update();
      return closing;
    },
  };

  function start(): void {
    if (closing) return;
    consuming.start();
    publishing.start();
  }

  /** The connection may have been replaced while the consumer was not on the list yet. */
  function catchUp(consumer: QueueConsumer | ReplyAddress): void {
    if (consuming.connection) void consumer.attach(consuming.connection, false);
    board.update();
  }
}

async function attached(consumer: QueueConsumer, connection: AmqpConnection): Promise<void> {
  try {
    await consumer.attach(connection, true);
  } catch (error) {
    if (!isHomeDown(error)) throw error;
    void consumer.attach(connection, false);
  }
}

function endedEachTime({ endpoint: { label } }: AmqpConnection, reason: string): Fault {
  const message = `RabbitMQ at ${label} ended the connection each time it was asked (${reason}). Its log says more.`;
  return new Fault("UNAVAILABLE", { broker: label }, { message });
}

function notRenewed(log: Logger): (reason: string, againMs: number) => void {
  return (reason, againMs) =>
    log.warn({ reason, againMs }, "cannot get new credentials for RabbitMQ; asking again");
}

/** How long the broker may take to answer a goodbye. */
const closeWaitMs = 2_000;

async function inspect(
  connection: AmqpConnection,
  queue: string,
): Promise<{ messages: number; consumers: number } | undefined> {
  // The broker answers a question about a missing queue by closing the channel.
  const channel = await connection.channel();
  try {
    const { messageCount, consumerCount } = await channel.check(queue);
    await channel.close();
    return { messages: messageCount, consumers: consumerCount };
  } catch (error) {
    if ((error as AmqpError).code === 404) return undefined;
    throw error;
  }
}
