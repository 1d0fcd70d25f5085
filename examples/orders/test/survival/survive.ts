import { delay, systemClock } from "warren";
import { partNames } from "../parts.ts";
import { duplicates } from "./duplicates.ts";
import { place } from "./load.ts";
import { type WorldOptions, world } from "./world.ts";

export interface SurviveOptions extends WorldOptions {
  readonly orders: number;
  readonly atOnce: number;
  /** Which part of all events is delivered again. */
  readonly duplicateShare: number;
  /** A process dies so often, on average, in milliseconds. */
  readonly killEveryMs: number;
  readonly seed: number;
  /** Once all orders are placed, and kills have ended. Afterwards all processes are killed. */
  readonly settle?: (ids: readonly string[]) => Promise<void>;
}

export interface Survived {
  readonly ids: readonly string[];
  readonly kills: Readonly<Record<string, number>>;
  readonly duplicated: number;
  readonly complaints: readonly string[];
}

/**
 * Places orders with processes that are killed at random, one after the other, and events that are delivered again, the latest
 * ones once more at the end.
 */
export async function survive(options: SurviveOptions): Promise<Survived> {
  const { amqpUrl, orders, atOnce, duplicateShare, killEveryMs, seed, settle } = options;
  const [fate, drawn] = [seeded(seed), seeded(seed + 1)];
  const kills: Record<string, number> = Object.fromEntries(partNames.map((name) => [name, 0]));
  const all = await world(options, partNames);
  try {
    const repeating = await duplicates(amqpUrl, duplicateShare, seeded(seed + 2));
    let isPlaced = false;
    const killing = async (): Promise<void> => {
      for (;;) {
        await delay(systemClock, 2 * killEveryMs * fate());
        if (isPlaced) return;
        const part = partNames[Math.floor(fate() * partNames.length)]!;
        kills[part]!++;
        await all.kill(part);
      }
    };
    const dying = killing();
    const ids = await place({ orders, atOnce, url: all.url, random: drawn });
    isPlaced = true;
    await dying;
    repeating.again();
    await settle?.(ids);
    await repeating.close();
    return { ids, kills, duplicated: repeating.count, complaints: all.complaints };
  } finally {
    await all.end();
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
