import type { Transport } from "./transport.ts";

/**
 * The transport that the environment asks for: RabbitMQ where `AMQP_URL` is set (several hosts separated by commas),
 * else the embedded one. Only the one that is used gets loaded.
 */
export async function fromEnv(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Transport> {
  const urls = env.AMQP_URL?.split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  if (urls === undefined || urls.length === 0) {
    const { embedded } = await import("./embedded/index.ts");
    return embedded();
  }
  const { rabbitmq } = await import("./rabbitmq/index.ts");
  return rabbitmq({ urls });
}
