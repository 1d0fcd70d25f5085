import type { Timer } from "../time.ts";
import type { AmqpConnection } from "./amqp.ts";
import type { QueueConsumer } from "./consumer.ts";
import type { Settings } from "./options.ts";
import type { DeclaredTopology } from "./topology.ts";

/**
 * Declares everything again now and then. The broker tells nobody that an exchange or a binding was deleted: calls and
 * events would go astray until the next restart.
 */
export function keptAsserted(
  { assertEveryMs, clock, random }: Settings,
  topology: DeclaredTopology,
  connection: () => AmqpConnection | undefined,
  /** Told how many messages are ready in their queues. */
  consumers: ReadonlySet<Pick<QueueConsumer, "queue" | "look">>,
): { /** From the first connection on. */ start(): void; stop(): void } {
  let timer: Timer | undefined;
  let stopped = false;

  function plan(): void {
    // Many processes that started at the same time must not all ask at the same time.
    if (!stopped) timer = clock.after(assertEveryMs * (0.75 + 0.5 * random()), () => void round());
  }

  async function round(): Promise<void> {
    const present = connection();
    // Never rejects: what is refused is logged there, and a lost connection declares all of it on the next one anyway.
    const ready = present && (await topology.assert(present));
    if (ready) for (const { queue, look } of consumers) look(ready.get(queue) ?? 0);
    plan();
  }

  return {
    start() {
      if (!timer) plan();
    },
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
