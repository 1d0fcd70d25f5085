import { setTimeout as sleep } from "node:timers/promises";
import { heard } from "../child.ts";

/** What the publisher did, for its consumer to hold against what it saw. Times are epoch milliseconds. */
export interface Published {
  readonly fromMs: number;
  readonly untilMs: number;
  /** All events confirmed, those outside the window too. */
  readonly total: number;
  /** Processor time that the publisher took for each, in microseconds. */
  readonly cpuMicroseconds: number;
}

export interface Consumed {
  /** Handled between `fromMs` and `untilMs`. */
  readonly inWindow: number;
  readonly handled: number;
  /** Processor time that the consumer took for each, in microseconds. */
  readonly cpuMicroseconds: number;
}

const slotMs = 10;
const patienceMs = 60_000;

export interface Tally {
  count(): void;
  /** Resolves with what the parent is to be told, once everything published has been handled. */
  result(): Promise<Consumed>;
}

/** Counts in a consumer what it handles, and when. */
export function tally(): Tally {
  const slots: { slot: number; handled: number }[] = [{ slot: 0, handled: 0 }];
  let handled = 0;
  const idle = process.cpuUsage();

  async function result(): Promise<Consumed> {
    const { fromMs, untilMs, total } = await heard<Published>();
    const giveUpAt = Date.now() + patienceMs;
    while (handled < total) {
      if (Date.now() > giveUpAt)
        throw new Error(`Only ${handled} of ${total} confirmed events arrived within ${patienceMs} ms.`);
      await sleep(slotMs);
    }
    const cpuMicroseconds = cpuSince(idle) / handled;
    const inside = slots.filter(({ slot }) => slot * slotMs >= fromMs && slot * slotMs < untilMs);
    const inWindow = inside.reduce((sum, slot) => sum + slot.handled, 0);
    return { inWindow, handled, cpuMicroseconds };
  }

  return {
    count() {
      handled++;
      const slot = Math.floor(Date.now() / slotMs);
      const last = slots.at(-1)!;
      if (last.slot === slot) last.handled++;
      else slots.push({ slot, handled: 1 });
    },
    result,
  };
}

/** Processor time of this process since then, in microseconds. Unlike a rate, it hardly depends on what else runs. */
export function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
