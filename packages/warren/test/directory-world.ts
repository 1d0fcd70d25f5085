import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { type Directory, type DirectoryChange, randomId, systemRandom } from "../src/index.ts";

/** Changes of a directory from now on, as `kind service`. */
export function noted(directory: Directory): DirectoryChange[] {
  const changes: DirectoryChange[] = [];
  directory.watch((change) => void changes.push(change));
  return changes;
}

/** Resolves when the directory knows exactly these instances of a service; @returns how long that took, in milliseconds. */
export async function untilKnown(
  directory: Directory,
  service: string,
  ids: readonly string[],
  timeoutMs: number,
): Promise<number> {
  const began = performance.now();
  const wanted = ids.toSorted().join();
  await vi.waitFor(
    () => {
      const known = directory
        .instances({ service })
        .map(({ id }) => id)
        .toSorted()
        .join();
      if (known !== wanted) throw new Error(`known are ${known || "none"}, and not ${wanted || "none"}`);
    },
    { timeout: timeoutMs, interval: 5 },
  );
  return performance.now() - began;
}

/** A process of its own with one instance of the service `name`, on RabbitMQ. */
export async function member(name: string): Promise<{ readonly id: string; readonly process: ChildProcess }> {
  const file = join(import.meta.dirname, "fixtures/member.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    env: { ...process.env, AMQP_URL: amqpUrl(), MEMBER: name },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) return { id: line, process: child };
  throw new Error("A member ended before it took work.");
}

/** A fresh name for a service. */
export function fresh(name: string): string {
  return `${name}-${randomId(systemRandom, 8)}`;
}
