import type { Outage } from "../outage.ts";
import { OutcomeUnknown, StoreUnreachable } from "../store.ts";
import { type Clock, delay } from "../time.ts";
import type { GivenBack, OutboxRows } from "./rows.ts";

/** Says in the store what became of entries: many with each statement, and again until the store has taken it. */
export interface Settling {
  /** Sent, and confirmed. */
  sent(id: string): void;
  notSent(row: GivenBack): void;
  /** Resolves when the store knows all so far, or when `giveUp` was called and it could not be told. */
  idle(): Promise<void>;
  /** Tries what is left once more, and then no more: what could not be told is sent again when its lease is over. */
  giveUp(): void;
}

export interface SettlingOptions {
  readonly rows: OutboxRows;
  readonly clock: Clock;
  readonly outage: Outage;
  /** The store was told of these; they are nobody's any more. */
  readonly settled: (ids: readonly string[]) => void;
}

const maxTogether = 512;
const longestPauseMs = 5_000;
/** In place of an error's text that the store refuses. */
const refusedText = "it failed; the text of its error could not be stored";

export function settling({ rows, clock, outage, settled }: SettlingOptions): Settling {
  let sent: string[] = [];
  let notSent: GivenBack[] = [];
  let running: Promise<void> | undefined;
  const ending = new AbortController();

  function begin(): void {
    // What is confirmed at the same moment goes into one statement.
    running ??= new Promise<void>((resolve) => clock.soon(resolve)).then(run).then((isTold) => {
      running = undefined;
      // What came in the moment between.
      if (isTold && sent.length + notSent.length > 0) begin();
    });
  }

  /** @returns whether the store was told */
  async function run(): Promise<boolean> {
    for (let failures = 0; sent.length + notSent.length > 0; ) {
      try {
        await tellSent();
        await tellNotSent();
      } catch (error) {
        outage.began(error);
        if (ending.signal.aborted) return false;
        await delay(clock, Math.min(longestPauseMs, 50 * 2 ** failures++), ending.signal);
        continue;
      }
      outage.ended();
      failures = 0;
    }
    return true;
  }

  async function tellSent(): Promise<void> {
    const some = sent.slice(0, maxTogether);
    if (some.length === 0) return;
    await rows.remove(some);
    sent = sent.slice(some.length);
    settled(some);
  }

  async function tellNotSent(): Promise<void> {
    const some = notSent.slice(0, maxTogether);
    if (some.length === 0) return;
    try {
      await giveBack(some);
    } catch (error) {
      if (error instanceof StoreUnreachable || error instanceof OutcomeUnknown) throw error;
      // One of them may be at fault, and the others shall not wait for it.
      for (const row of some) await alone(row);
    }
  }

  /** @throws where the store refuses it with any text: it is the store then */
  async function alone(row: GivenBack): Promise<void> {
    try {
      await giveBack([row]);
    } catch (error) {
      if (row.error === undefined) throw error;
      await giveBack([{ ...row, error: refusedText }]);
    }
  }

  async function giveBack(some: readonly GivenBack[]): Promise<void> {
    await rows.giveBack(some);
    // They are the first ones: what comes meanwhile is put behind.
    notSent = notSent.slice(some.length);
    settled(some.map(({ id }) => id));
  }

  return {
    sent(id) {
      sent.push(id);
      begin();
    },
    notSent(row) {
      notSent.push(row);
      begin();
    },
    async idle() {
      await running;
    },
    giveUp: () => ending.abort(),
  };
}
