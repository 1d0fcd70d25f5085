import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { type Channel, type ChannelModel, connect, credentials } from "amqplib";
import { Fault } from "../fault.ts";
import type { Outgoing } from "../message.ts";
import type { Clock } from "../time.ts";
import { answered } from "./answered.ts";
import type { Credentials } from "./login.ts";
import type { Endpoint, RabbitmqTls, Settings } from "./options.ts";
import { type FrameWriter, frameWriter } from "./wire.ts";

/** What a server closed a channel with, or refused a request with: `code` is AMQP's reply code, such as 404. */
export interface AmqpError extends Error {
  readonly code?: number | string;
}

/** A delivered message as amqplib decodes it. */
export interface RawMessage {
  readonly fields: { deliveryTag: number; redelivered: boolean; exchange: string; routingKey: string };
  readonly properties: {
    contentType?: string;
    contentEncoding?: string;
    headers?: Record<string, unknown>;
    deliveryMode?: number;
    correlationId?: string;
    replyTo?: string;
    expiration?: string;
    messageId?: string;
    timestamp?: number;
    type?: string;
    appId?: string;
  };
  readonly content: Buffer;
}

/** A message that reached no queue. */
export interface Returned {
  readonly messageId: string;
  readonly exchange: string;
  readonly key: string;
  readonly text: string;
}

/** One connection to one broker. When it is gone it stays gone; `link` makes the next one. */
export interface AmqpConnection {
  readonly endpoint: Endpoint;
  readonly open: boolean;
  /** Resolves with the reason once the connection is gone, whoever ended it. */
  readonly closed: Promise<string>;
  /**
   * Tells the broker a new password for this connection. Rejects when it is not taken within `waitMs`, or the broker
   * closes the connection for it.
   */
  updateSecret(secret: string, waitMs: number): Promise<void>;
  /** What waits for the network to take it. */
  readonly backlogBytes: number;
  channel(): Promise<AmqpChannel>;
  /** The broker takes no messages for this reason, or takes them again (`undefined`). */
  onBlocked(run: (reason: string | undefined) => void): void;
  /** The network took what was waiting. */
  onDrain(run: () => void): void;
  /** Sends what is still to be written, says goodbye, and gives up on the answer after `waitMs`. */
  close(waitMs: number): Promise<void>;
}

/** A channel; what is called on one that is gone does nothing, or rejects where it returns a promise. */
export interface AmqpChannel {
  readonly connection: AmqpConnection;
  readonly open: boolean;
  /** Runs once; the error is the server's, and missing when connection or channel were closed otherwise. */
  onClosed(run: (error: AmqpError | undefined) => void): void;
  onReturn(run: (returned: Returned) => void): void;
  onConfirm(run: (tag: number, multiple: boolean, taken: boolean) => void): void;
  /** Switches publisher confirms on. */
  confirm(): Promise<void>;
  /** Runs at the end of the tick, just before what was written leaves. */
  beforeFlush(run: () => void): void;
  publish(message: Outgoing, messageId: string | undefined): void;
  ack(tag: number, multiple: boolean): void;
  reject(tag: number, requeue: boolean): void;
  prefetch(count: number): Promise<void>;
  /** `undefined` is delivered when the server ended the consumer, as when its queue was deleted. */
  consume(queue: string, noAck: boolean, deliver: (message: RawMessage | undefined) => void): Promise<void>;
  cancel(): Promise<void>;
  exchange(name: string, type: string, alternate: string | undefined): Promise<void>;
  queue(
    name: string,
    options: {
      durable: boolean;
      exclusive: boolean;
      autoDelete?: boolean;
      arguments: Record<string, unknown>;
    },
    // How many messages are ready in it.
  ): Promise<number>;
  bind(queue: string, exchange: string, key: string): Promise<void>;
  check(queue: string): Promise<{ messageCount: number; consumerCount: number }>;
  /** Resolves when the broker has read all before it; rejects when the connection breaks meanwhile. */
  close(): Promise<void>;
}

/** The parts of amqplib's connection that its types leave out. The version is pinned by a test that publishes through them. */
interface Inside {
  readonly stream: Socket;
  readonly frameMax: number;
  readonly channelMax: number;
  sentSinceLastCheck: boolean;
}
interface ChannelInside {
  readonly ch: number;
  rpc(method: number, fields: object, expected: number): Promise<unknown>;
}

const frameMax = 131_072;
const confirmSelect = 0x0055000a;
const confirmSelectOk = 0x0055000b;
/** One consumer per channel, so its tag can be short: it comes with every delivery. */
const consumerTag = "w";

/** @throws the socket's or the broker's error as it comes: see `refusal` */
export async function openAmqp(
  endpoint: Endpoint,
  settings: Settings,
  purpose: string,
  login?: Credentials,
): Promise<AmqpConnection> {
  const model = await connect(
    {
      protocol: endpoint.protocol,
      hostname: endpoint.host,
      port: endpoint.port,
      username: login?.username ?? endpoint.user,
      password: login?.password ?? endpoint.password,
      vhost: endpoint.vhost,
      heartbeat: settings.heartbeatSeconds,
      frameMax,
    },
    {
      ...(endpoint.protocol === "amqps" ? tlsOptions(settings.tls) : {}),
      ...(endpoint.external && !login ? { credentials: credentials.external() } : {}),
      // A message is several small frames: with Nagle's algorithm each hop costs 40 ms.
      noDelay: true,
      keepAlive: true,
      // A host that never answers leaves time for the others.
      timeout: Math.min(Math.ceil(settings.connectTimeoutMs / settings.endpoints.length), 10_000),
      clientProperties: { connection_name: ["warren", settings.name, purpose].filter(Boolean).join(" ") },
    },
  );
  return wrapConnection(model, endpoint, settings);
}

function tlsOptions({ ca, ...rest }: RabbitmqTls): ConnectionOptions {
  return ca === undefined
    ? rest
    : { ...rest, ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] };
}

function wrapConnection(model: ChannelModel, endpoint: Endpoint, settings: Settings): AmqpConnection {
  const inside = model.connection as unknown as Inside;
  const { stream } = inside;
  const gone = Promise.withResolvers<string>();
  let open = true;
  let reason = "the connection was closed";
  const writer = frameWriter(settings.clock, inside.frameMax, (parts) => {
    if (!open) return;
    inside.sentSinceLastCheck = true;
    if (parts.length === 1) return void stream.write(parts[0]!);
    stream.cork();
    for (const part of parts) stream.write(part);
    stream.uncork();
  });
  model.on("error", (error) => {
    reason = error.message;
  });
  model.on("close", (error?: Error) => {
    open = false;
    if (error) reason = error.message;
    // amqplib only half-closes; a peer that no longer answers would keep the socket, and this process, for minutes.
    if (reason === "Heartbeat timeout") stream.destroy();
    gone.resolve(reason);
  });

  const connection: AmqpConnection = {
    endpoint,
    get open() {
      return open;
    },
    closed: gone.promise,
    get backlogBytes() {
      return stream.writableLength;
    },
    async channel() {
      const channel = await model.createChannel().catch((error: Error) => {
        throw /No channels left/.test(error.message) ? allTaken(endpoint, inside.channelMax) : error;
      });
      return wrapChannel(connection, channel, writer, settings.clock);
    },
    async updateSecret(secret, waitMs) {
      const done = Promise.withResolvers<void>();
      const timer = settings.clock.after(waitMs, () =>
        done.reject(new Error("the broker did not answer to the new password")),
      );
      void gone.promise.then((why) => done.reject(new Error(why)));
      model.updateSecret(Buffer.from(secret), "renewed").then(() => done.resolve(), done.reject);
      await done.promise.finally(() => timer.cancel());
    },
    onBlocked(run) {
      model.on("blocked", (why) => run(why));
      model.on("unblocked", () => run(undefined));
    },
    onDrain(run) {
      stream.on("drain", run);
    },
    async close(waitMs) {
      if (!open) return;
      writer.flush();
      const timer = settings.clock.after(waitMs, () => {
        // With an error: of a mere end amqplib is not told, and its heartbeats would keep the process for a while.
        stream.destroy(new Error("the broker did not answer the goodbye"));
        gone.resolve("the broker did not answer the goodbye");
      });
      // A connection that breaks in the middle of its goodbye is closed as well; `gone` says so.
      model.close().catch((error: Error) => gone.resolve(error.message));
      await gone.promise;
      open = false;
      timer.cancel();
    },
  };
  return connection;
}

function allTaken({ label }: Endpoint, limit: number): Fault {
  const message = `All ${limit} channels of the connection to RabbitMQ at ${label} are taken, one for each queue that is consumed. Stop subscriptions, let several processes share the services, or raise channel_max at the broker.`;
  return new Fault("OVERLOADED", { limit }, { message });
}

function wrapChannel(
  connection: AmqpConnection,
  channel: Channel,
  writer: FrameWriter,
  clock: Clock,
): AmqpChannel {
  const inside = channel as unknown as ChannelInside;
  const number = inside.ch;
  const closedRuns: ((error: AmqpError | undefined) => void)[] = [];
  let open = true;
  let failure: AmqpError | undefined;

  function end(): void {
    if (!open) return;
    // What was written for this channel has to precede the answer to its end, which amqplib sends later in this tick:
    // a frame after that would be an error of the whole connection.
    writer.flush();
    open = false;
  }

  /** Where there is no answer in time, the channel is given up, and closed should there be one after all. */
  function ask<T>(what: string, answer: Promise<T>): Promise<T> {
    return answered(clock, what, answer, (late) => {
      end();
      const close = (): void => void channel.close().catch(() => {});
      late.then(close, close);
    });
  }

  channel.on("error", (error: AmqpError) => {
    end();
    failure = error;
  });
  channel.on("close", () => {
    end();
    for (const run of closedRuns.splice(0)) run(failure);
  });

  return {
    connection,
    get open() {
      return open && connection.open;
    },
    onClosed(run) {
      closedRuns.push(run);
    },
    onReturn(run) {
      channel.on("return", ({ fields, properties }) => {
        const { exchange, routingKey, replyText } = fields as unknown as Record<string, string>;
        run({
          messageId: String(properties.messageId),
          exchange: exchange!,
          key: routingKey!,
          text: replyText!,
        });
      });
    },
    onConfirm(run) {
      // amqplib's own book-keeping expects that it published the messages.
      channel.removeAllListeners("ack").removeAllListeners("nack");
      channel.on("ack", (fields) => run(fields.deliveryTag, fields.multiple, true));
      channel.on("nack", (fields) => run(fields.deliveryTag, fields.multiple, false));
    },
    async confirm() {
      await inside.rpc(confirmSelect, { nowait: false }, confirmSelectOk);
    },
    beforeFlush: (run) => writer.beforeFlush(run),
    publish(message, messageId) {
      if (open) writer.publish(number, message, messageId);
    },
    ack(tag, multiple) {
      if (open) writer.ack(number, tag, multiple);
    },
    reject(tag, requeue) {
      if (open) writer.reject(number, tag, requeue);
    },
    async prefetch(count) {
      await channel.prefetch(count, false);
    },
    async consume(queue, noAck, deliver) {
      const options = { noAck, consumerTag };
      const run = (message: unknown): void => {
        // Not on a channel that was given up: what it brings goes back when it closes.
        if (open) deliver((message as RawMessage | null) ?? undefined);
      };
      await ask(`consuming of queue "${queue}"`, channel.consume(queue, run, options));
    },
    async cancel() {
      await channel.cancel(consumerTag);
    },
    async exchange(name, type, alternateExchange) {
      const options = alternateExchange === undefined ? {} : { alternateExchange };
      const answer = channel.assertExchange(name, type, { durable: true, ...options });
      await ask(`declaration of exchange "${name}"`, answer);
    },
    async queue(name, options) {
      const answer = channel.assertQueue(name, options);
      return (await ask(`declaration of queue "${name}"`, answer)).messageCount;
    },
    async bind(queue, exchange, key) {
      await ask(`binding of queue "${queue}"`, channel.bindQueue(queue, exchange, key));
    },
    check: (queue) => ask(`question about queue "${queue}"`, channel.checkQueue(queue)),
    async close() {
      if (!open) return;
      end();
      const lost = Promise.withResolvers<never>();
      // When the connection breaks now, amqplib never answers. After a goodbye that was answered this comes too late.
      channel.once("close", () =>
        clock.soon(() => lost.reject(new Error("the connection was lost while a channel was closed"))),
      );
      await Promise.race([channel.close(), lost.promise]);
    },
  };
}
