import { Fault, isFault } from "../fault.ts";
import { names } from "../names.ts";
import { type Clock, delay } from "../time.ts";
import type { Consumer, Transport } from "../transport.ts";
import type { Source } from "./source.ts";

/** Who looks through what with one transport, for which the broker sees no difference. */
const here = new WeakMap<Transport, Set<string>>();
/** How often it is tried again while somebody else looks. */
const againMs = 200;

/**
 * Runs `look` while nobody else looks through the queue, waiting up to `waitMs` for those who do. The lock is a queue
 * that only one connection can have, so it ends with its process at the latest.
 * @throws Fault UNAVAILABLE when the others have not ended by then
 */
export async function alone<T>(
  transport: Transport,
  clock: Clock,
  { name, queue }: Pick<Source, "name" | "queue">,
  waitMs: number,
  look: () => Promise<T>,
): Promise<T> {
  const release = await acquire(transport, clock, queue, clock.now() + waitMs, () => taken(name));
  try {
    return await look();
  } finally {
    await release();
  }
}

async function acquire(
  transport: Transport,
  clock: Clock,
  queue: string,
  end: number,
  taken: () => Fault,
): Promise<() => Promise<void>> {
  const looking = here.get(transport) ?? new Set();
  here.set(transport, looking);
  for (;;) {
    const lock = looking.has(queue) ? undefined : await tryLock(transport, looking, queue);
    if (lock !== undefined) {
      return async () => {
        await lock.stop();
        looking.delete(queue);
      };
    }
    if (clock.now() >= end) throw taken();
    await delay(clock, againMs);
  }
}

/** `undefined` when another connection has it. */
async function tryLock(
  transport: Transport,
  looking: Set<string>,
  queue: string,
): Promise<Consumer | undefined> {
  const name = names.looking(queue);
  looking.add(queue);
  try {
    await transport.declare({ queues: [{ name, type: "classic", lifetime: "consumer" }] });
    return await transport.consume(name, () => "ack", { prefetch: 1 });
  } catch (error) {
    looking.delete(queue);
    if (isLocked(error)) return undefined;
    throw error;
  }
}

/** Declared the same way by everybody, it is refused only to those who may not have it: for now, or (403) ever. */
function isLocked(error: unknown): boolean {
  return !isFault(error) && (error as { code?: unknown }).code !== 403;
}

function taken(name: string): Fault {
  return new Fault(
    "UNAVAILABLE",
    { service: name },
    { message: `Somebody else is looking at the dead letters of ${name}; try again when they are done.` },
  );
}
