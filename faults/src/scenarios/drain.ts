import { setTimeout as sleep } from "node:timers/promises";
import type { Accounts } from "../checker/accounts.ts";
import { type Entry, monotonicMs } from "../history/entry.ts";

export interface DrainOptions {
  readonly accounts: Accounts;
  /** Reads what was written since, into the accounts. */
  read(): readonly Entry[];
  park(): Promise<void>;
  /** Gives up when nothing was settled for so long. */
  readonly patienceMs: number;
}

const lookEveryMs = 200;

/**
 * Waits until every acknowledged message has had its effect or is parked.
 * @returns false when that stopped making progress
 */
export async function drain({ accounts, read, park, patienceMs }: DrainOptions): Promise<boolean> {
  let settled = -1;
  let since = monotonicMs();
  for (;;) {
    await park();
    read();
    if (accounts.open.size === 0) return true;
    if (accounts.settled > settled) {
      settled = accounts.settled;
      since = monotonicMs();
    }
    if (monotonicMs() - since > patienceMs) return false;
    await sleep(lookEveryMs);
  }
}
