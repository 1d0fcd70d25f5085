import type { Logger } from "./log.ts";
import type { Transport } from "./transport.ts";

export interface FromEnvOptions {
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of lost and new connections. @default nobody */
  readonly log?: Logger;
}

/**
 * The transport that the environment asks for: RabbitMQ where `AMQP_URL` is set (several hosts separated by commas),
 * else the embedded one. Only the one that is used gets loaded.
 */
export async function fromEnv(options: FromEnvOptions = {}): Promise<Transport> {
  const { env = process.env, log } = options;
  const urls = env.AMQP_URL?.split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  if (urls === undefined || urls.length === 0) {
    const { embedded } = await import("./embedded/index.ts");
    return embedded(log === undefined ? {} : { log });
  }
  const { rabbitmq } = await import("./rabbitmq/index.ts");
  return rabbitmq(log === undefined ? { urls } : { urls, log });
}
