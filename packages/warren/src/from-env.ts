import type { Logger } from "./log.ts";
import type { Transport } from "./transport.ts";

export interface FromEnvOptions {
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of lost and new connections. @default nobody */
  readonly log?: Logger;
  /** How long operations wait for RabbitMQ; the embedded broker is there at once. @default 30_000 */
  readonly connectTimeoutMs?: number | undefined;
}

/**
 * The transport that the environment asks for: RabbitMQ where `AMQP_URL` is set (several hosts separated by commas),
 * else the embedded one, with its journal in the folder `WARREN_DATA` where that is set. Only what is used gets loaded.
 * @throws Error when the journal cannot be used, naming it
 */
export async function fromEnv(options: FromEnvOptions = {}): Promise<Transport> {
  const { env = process.env, log, connectTimeoutMs } = options;
  const urls = env.AMQP_URL?.split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  if (urls === undefined || urls.length === 0) {
    const { embedded } = await import("./embedded/index.ts");
    const dataDir = env.WARREN_DATA?.trim() || undefined;
    return embedded({ log, dataDir });
  }
  const { rabbitmq } = await import("./rabbitmq/index.ts");
  return rabbitmq({
    urls,
    ...(log !== undefined && { log }),
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
  });
}
