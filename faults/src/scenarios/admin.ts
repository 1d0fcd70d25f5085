import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from "amqplib";
import { monotonicMs } from "../history/entry.ts";

/** A client of the broker beside Warren: what an administrator, a vandal or a colleague with a script could do. */
export interface Admin {
  /** Runs on a channel of its own, and again on another broker or connection where that one broke, for `withinMs`. */
  use<T>(work: (channel: ConfirmChannel) => Promise<T>, withinMs?: number): Promise<T>;
  /** How many messages are ready in a queue; `undefined` where there is none of that name. */
  ready(queue: string): Promise<number | undefined>;
  /** Takes what is in a queue, as far as it is `ours`; the rest stays. */
  take(
    queue: string,
    ours: (message: GetMessage) => boolean,
    each: (message: GetMessage) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

const againMs = 200;

export function admin(urls: readonly string[]): Admin {
  let connection: ChannelModel | undefined;
  let turn = 0;

  async function connected(): Promise<ChannelModel> {
    if (connection !== undefined) return connection;
    const made = await connect(urls[turn++ % urls.length]!, { timeout: 3_000, noDelay: true });
    connection = made;
    made.on("error", () => {
      // "close" follows.
    });
    made.on("close", () => {
      if (connection === made) connection = undefined;
    });
    return made;
  }

  async function once<T>(work: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
    const channel = await (await connected()).createConfirmChannel();
    const broken = Promise.withResolvers<never>();
    channel.on("error", (error) => broken.reject(error));
    channel.on("close", () => broken.reject(new Error("the channel was closed")));
    broken.promise.catch(() => {});
    const result = await Promise.race([work(channel), broken.promise]);
    await channel.close();
    return result;
  }

  async function use<T>(work: (channel: ConfirmChannel) => Promise<T>, withinMs = 30_000): Promise<T> {
    const until = monotonicMs() + withinMs;
    for (;;) {
      try {
        return await once(work);
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (code === 404 || code === 405 || code === 406 || monotonicMs() > until) throw error;
        await new Promise((resolve) => {
          setTimeout(resolve, againMs);
        });
      }
    }
  }

  return {
    use,
    async ready(queue) {
      try {
        return (await use((channel) => channel.checkQueue(queue))).messageCount;
      } catch (error) {
        if ((error as { code?: unknown }).code === 404) return undefined;
        throw error;
      }
    },
    async take(queue, ours, each) {
      try {
        await use(async (channel) => {
          for (;;) {
            const message = await channel.get(queue, { noAck: false });
            if (message === false) return;
            if (!ours(message)) continue;
            each(message);
            channel.ack(message);
          }
        });
      } catch (error) {
        if ((error as { code?: unknown }).code !== 404) throw error;
      }
    },
    async close() {
      await connection?.close();
    },
  };
}
