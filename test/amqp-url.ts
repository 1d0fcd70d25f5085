import { inject } from "vitest";

/**
 * The RabbitMQ that this test file has to itself while it runs, `amqp://…`. Files that run at the same time have one each:
 * their services have the same names.
 */
export function amqpUrl(): string {
  const urls = inject("amqpUrls");
  return urls[Number(process.env.VITEST_POOL_ID) - 1]!;
}
