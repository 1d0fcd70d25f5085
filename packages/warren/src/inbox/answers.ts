import type { Sql, Store } from "../store.ts";
import { storedKey } from "../stored-key.ts";
import type { Clock } from "../time.ts";

/** What a call with a key is known by. */
export interface CallKey {
  /** `<service>.<method>` */
  readonly method: string;
  /** Whose key it is: nobody gets the answer to another one's call. */
  readonly caller: string;
  readonly key: string;
}

/** An answer as it was sent, to be sent again. */
export interface Answer {
  /** The code, where it is a declared fault. */
  readonly fault: string | undefined;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** One try to answer a call with a key. */
export interface Run {
  /** Unique to this try. */
  readonly id: string;
  readonly messageId: string | undefined;
  /** Whoever had this message before is gone. */
  readonly redelivered: boolean;
  /** The same for the same input. */
  readonly inputHash: string;
  /** When it is given up at the latest, in milliseconds since the epoch. */
  readonly until: number;
  /** A fault that is known is no answer to it: it runs again. An output still is. */
  readonly overFault?: boolean;
}

export type Claim =
  /** Nobody has answered, and nobody else may until this run has, gave it back, or its time is over. */
  | { readonly is: "mine" }
  | { readonly is: "answered"; readonly answer: Answer }
  /** Somebody else is at it. */
  | { readonly is: "held" }
  /** It was used with another input. */
  | { readonly is: "reused" };

/**
 * The answers to calls with keys, beside what the calls changed. A run is held by a row of its own, not by an open
 * transaction: a handler that waits for another service would hold up everybody who writes, that service perhaps
 * among them.
 */
export interface Answers {
  claim(key: CallKey, run: Run): Promise<Claim>;
  /**
   * Notes the answer, in the transaction of what the call changed.
   * @returns false where the run is not the holder any more: nothing of it may be committed
   */
  note(sql: Sql, key: CallKey, run: Run, answer: Answer): Promise<boolean>;
  /** The run ended without an answer that is worth keeping: another may begin at once. */
  release(key: CallKey, run: Run): Promise<void>;
}

interface Row {
  readonly input_hash: string;
  readonly held_by: string;
  readonly held_message: string | null;
  readonly held_until: number;
  readonly fault: string | null;
  readonly content_type: string | null;
  readonly body: Uint8Array | null;
}

const columns = "input_hash, held_by, held_message, held_until, fault, content_type, body";
const one = "method = $1 and caller = $2 and key = $3";

export function answers(store: Store<any>, clock: Clock): Answers {
  async function begin(key: CallKey, run: Run): Promise<Claim> {
    const { changes } = await store.query(
      `insert into warren_answers (method, caller, key, input_hash, held_by, held_message, held_until, noted_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
      // As if it were noted at its end, so that it is not swept away under whoever works on it.
      [...idOf(key), run.inputHash, run.id, heldMessage(run), run.until, run.until],
    );
    return changes > 0 ? { is: "mine" } : { is: "held" };
  }

  async function takeOver(key: CallKey, run: Run, from: string): Promise<Claim> {
    const { changes } = await store.query(
      `update warren_answers set held_by = $5, held_message = $6, held_until = $7, noted_at = $8
        where ${one} and held_by = $4 and body is null`,
      [...idOf(key), from, run.id, heldMessage(run), run.until, run.until],
    );
    return changes > 0 ? { is: "mine" } : { is: "held" };
  }

  /** With another input as well: what was wrong with the first may have been mended. */
  async function replaceFault(key: CallKey, run: Run, from: string): Promise<Claim> {
    const { changes } = await store.query(
      `update warren_answers set held_by = $5, held_message = $6, held_until = $7, noted_at = $8, input_hash = $9,
        fault = null, content_type = null, body = null
        where ${one} and held_by = $4 and fault is not null`,
      [...idOf(key), from, run.id, heldMessage(run), run.until, run.until, run.inputHash],
    );
    return changes > 0 ? { is: "mine" } : { is: "held" };
  }

  return {
    async claim(key, run) {
      const { rows } = await store.query<Row>(
        `select ${columns} from warren_answers where ${one}`,
        idOf(key),
      );
      const row = rows[0];
      if (row === undefined) return begin(key, run);
      if (run.overFault && row.fault !== null) return replaceFault(key, run, row.held_by);
      if (row.input_hash !== run.inputHash) return { is: "reused" };
      if (row.body !== null)
        return {
          is: "answered",
          answer: { fault: row.fault ?? undefined, contentType: row.content_type ?? "", body: row.body },
        };
      return isFree(row, run, clock.now()) ? takeOver(key, run, row.held_by) : { is: "held" };
    },
    async note(sql, key, run, { fault = null, contentType, body }) {
      const { changes } = await sql.query(
        `update warren_answers set fault = $5, content_type = $6, body = $7, noted_at = $8
          where ${one} and held_by = $4 and body is null`,
        [...idOf(key), run.id, fault, contentType, body, clock.now()],
      );
      return changes > 0;
    },
    async release(key, run) {
      await store.query(`delete from warren_answers where ${one} and held_by = $4 and body is null`, [
        ...idOf(key),
        run.id,
      ]);
    },
  };
}

/** Its holder had its time, or had this very message and is gone, as the broker gives it to somebody else. */
function isFree(row: Row, { messageId, redelivered }: Run, now: number): boolean {
  return (
    row.held_until <= now ||
    (redelivered && messageId !== undefined && row.held_message === storedKey(messageId))
  );
}

function heldMessage({ messageId }: Run): string | null {
  return messageId === undefined ? null : storedKey(messageId);
}

function idOf({ method, caller, key }: CallKey): [string, string, string] {
  return [method, caller, key];
}
