import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokerDown, brokerUp } from "warren/broker";

/** Runs `work` against a RabbitMQ node of its own, which is stopped and removed afterwards. */
export async function withRabbit(
  work: (broker: { url: string; version: string }) => Promise<void>,
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "warren-bench-"));
  try {
    const broker = await brokerUp({ dataDir });
    await work(broker);
  } finally {
    await brokerDown(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  }
}
