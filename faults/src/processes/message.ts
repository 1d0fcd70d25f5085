import { type Contract, contract, rpc } from "warren";
import { z } from "zod";

/** What travels: enough to tell it from every other one, and to notice a change. */
export const moved = z.object({
  publisher: z.string(),
  n: z.number().int(),
  key: z.string(),
  kind: z.string(),
  sum: z.number().int(),
});
export type Moved = z.infer<typeof moved>;

/** The contract of one run. Every run has names of its own, so that none finds another's messages. */
export function ledger(run: string) {
  return contract(`ledger-${run}`, { events: { moved } }) satisfies Contract;
}

/** Calls that must not run twice: the method is not idempotent. */
export function desk(run: string) {
  return contract(`desk-${run}`, {
    methods: { serve: rpc({ input: z.object({ id: z.string() }), output: z.object({ id: z.string() }) }) },
  }) satisfies Contract;
}

/** The service that has the effects. */
export function workerName(run: string): string {
  return `worker-${run}`;
}

export function idOf({ publisher, n }: Pick<Moved, "publisher" | "n">): string {
  return `${publisher}:${n}`;
}

/** FNV-1a over everything in the message but the sum itself. */
export function checksum({ publisher, n, key, kind }: Omit<Moved, "sum">): number {
  const text = `${publisher} ${n} ${key} ${kind}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** What becomes of a message, by its kind. */
export const kinds = [
  "ok",
  /** Takes a while. */
  "slow",
  /** Fails twice, then works. */
  "flaky",
  /** Fails whenever it is tried. */
  "failing",
  /** Answered with a fault that is not worth a second try. */
  "refused",
  /** Never ends; the reaction's time is over at last. */
  "hanging",
  /** Kills its process once, before it had an effect. */
  "killing-before",
  /** Kills its process once, after the effect and before the acknowledgement. */
  "killing-after",
  /** Fails once and kills its process while the retry is on its way to the broker. */
  "killing-retry",
  /** Kills its process whenever it is tried. */
  "deadly",
  /** Blocks its process whenever it is tried, until somebody kills that. */
  "blocking",
] as const;
export type Kind = (typeof kinds)[number];

/** The shares of the kinds among what is published. */
export type Mix = Partial<Readonly<Record<Kind, number>>>;
