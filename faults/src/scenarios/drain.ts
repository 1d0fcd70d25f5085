import { setTimeout as sleep } from "node:timers/promises";
import type { Accounts } from "../checker/accounts.ts";
import { type Entry, monotonicMs } from "../history/entry.ts";

export interface DrainOptions {
  readonly accounts: Accounts;
  /** Reads what was written since, into the accounts. */
  read(): readonly Entry[];
  park(): Promise<void>;
  /** Whether no message is left in a queue, be it a copy of one that is done. */
  isEmpty(): Promise<boolean>;
  /** Gives up when nothing was settled for so long. */
  readonly patienceMs: number;
}

const lookEveryMs = 200;
/** However much progress there is: a message that is tried for ever is always making some. */
const longestMs = 240_000;

/**
 * Waits until every acknowledged message has had its effect or is parked, and until the queues are empty.
 * @returns false when that stopped making progress
 */
export async function drain({ accounts, read, park, isEmpty, patienceMs }: DrainOptions): Promise<boolean> {
  let settled = -1;
  const began = monotonicMs();
  let since = began;
  for (;;) {
    await park();
    read();
    if (accounts.open.size === 0 && (await isEmpty())) return true;
    const progress = accounts.settled + accounts.deliveries;
    if (progress > settled) {
      settled = progress;
      since = monotonicMs();
    }
    const now = monotonicMs();
    if (now - since > patienceMs || now - began > longestMs) return false;
    await sleep(lookEveryMs);
  }
}
