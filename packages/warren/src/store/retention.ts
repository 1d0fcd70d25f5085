import { wholeNumber } from "../whole-number.ts";
import type { Expiring } from "./sweep.ts";

/** How long the stores of an app keep what they keep to do things once. */
export interface Retention {
  /**
   * Which events were done, in milliseconds. Longer than any of them may be on its way: retries, and dead letters that
   * somebody replays. One that comes after it is done again. @default 30 days
   */
  readonly eventsMs: number;
  /** The answers to calls with a key, in milliseconds. A call repeated after it is carried out again. @default a day */
  readonly answersMs: number;
  /**
   * What reactions with `undo` or `gaveUp` did, in milliseconds from when that last changed, and what was undone. Longer
   * than any process takes: an event that undoes finds nothing to undo after it. @default 90 days
   */
  readonly journalMs: number;
}

const dayMs = 86_400_000;

/** A run waits for the event, and nobody who has its saga was there to go on with it. */
const awaited = `exists (select 1 from warren_sagas as runs where runs.saga = warren_saga_signals.saga
  and runs.waiting = warren_saga_signals.step || '\n' || warren_saga_signals.key)`;

/** What is swept from a store. @throws TypeError naming the option that is no time */
export function expiringOf(retention: Partial<Retention> = {}): readonly Expiring[] {
  const time = (option: keyof Retention, byDefault: number): number =>
    wholeNumber(`app: retention.${option}`, retention[option], byDefault, 1_000, Number.MAX_SAFE_INTEGER);
  return [
    {
      table: "warren_inbox",
      key: ["consumer", "message_id"],
      since: "done_at",
      keepMs: time("eventsMs", 30 * dayMs),
    },
    {
      table: "warren_answers",
      key: ["method", "caller", "key"],
      since: "noted_at",
      keepMs: time("answersMs", dayMs),
    },
    { table: "warren_journal", key: ["seq"], since: "changed_at", keepMs: time("journalMs", 90 * dayMs) },
    {
      table: "warren_undone",
      key: ["service", "reaction", "key"],
      since: "undone_at",
      keepMs: time("journalMs", 90 * dayMs),
    },
    // The steps go with their run. How long each is kept, its saga has said.
    { table: "warren_sagas", key: ["saga", "id"], since: "expires_at", keepMs: 0 },
    {
      table: "warren_saga_signals",
      key: ["saga", "step", "key", "message_id"],
      since: "expires_at",
      keepMs: 0,
      unless: awaited,
    },
  ];
}
