import type { TestProject } from "vitest/node";
import { givePostgres } from "./postgres-server.ts";
import { giveRabbitMq } from "./rabbitmq-server.ts";

/** What the tests need beside this process; started at the same time, as each waits for itself most of the time. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = await Promise.allSettled([giveRabbitMq(project), givePostgres(project)]);
  const discard = async (): Promise<void> => {
    await Promise.all(started.map((one) => (one.status === "fulfilled" ? one.value?.() : undefined)));
  };
  const failed = started.find((one) => one.status === "rejected");
  if (failed === undefined) return discard;
  await discard();
  throw failed.reason;
}
