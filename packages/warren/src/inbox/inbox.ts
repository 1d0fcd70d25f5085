import { placeholderRows } from "../store/placeholders.ts";
import type { Sql, Store } from "../store.ts";
import { storedKey } from "../stored-key.ts";
import type { Clock } from "../time.ts";

/** Which message is done by whom. */
export interface Mark {
  /** A service, and which of its reactions. */
  readonly consumer: string;
  readonly messageId: string;
}

/** What was done already, kept beside what it changed. */
export interface Inbox {
  /** Whether it is done. Says no while another transaction is at it; `claim` then waits for that one. */
  isDone(mark: Mark): Promise<boolean>;
  /**
   * Marks it as done, in the transaction that does it, as its first statement.
   * @returns false where it is done already
   */
  claim(sql: Sql, mark: Mark): Promise<boolean>;
  /** The same for several. @returns for each whether it was marked now; of two that are the same only the first */
  claimAll(sql: Sql, marks: readonly Mark[]): Promise<readonly boolean[]>;
}

const batchSize = 200;

export function inbox(store: Store, clock: Clock): Inbox {
  let asked: {
    readonly mark: Mark;
    readonly resolve: (done: boolean) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];

  /** Questions of the same moment are one statement: a round trip for each event would cost more than most reactions. */
  async function ask(): Promise<void> {
    const all = asked;
    asked = [];
    for (let from = 0; from < all.length; from += batchSize) {
      const some = all.slice(from, from + batchSize);
      try {
        const done = await doneOf(some.map(({ mark }) => mark));
        for (const { mark, resolve } of some) resolve(done.has(keyOf(mark)));
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
  }

  async function doneOf(marks: readonly Mark[]): Promise<Set<string>> {
    const { rows } = await store.query<{ consumer: string; message_id: string }>(
      `select consumer, message_id from warren_inbox where (consumer, message_id) in (values ${placeholderRows(marks.length, 2)})`,
      marks.flatMap(({ consumer, messageId }) => [consumer, messageId]),
    );
    return new Set(rows.map((row) => keyOf({ consumer: row.consumer, messageId: row.message_id })));
  }

  return {
    isDone(mark) {
      return new Promise((resolve, reject) => {
        if (asked.push({ mark: storedMark(mark), resolve, reject }) === 1) clock.soon(() => void ask());
      });
    },
    async claim(sql, mark) {
      const { consumer, messageId } = storedMark(mark);
      const { changes } = await sql.query(
        "insert into warren_inbox (consumer, message_id, done_at) values ($1, $2, $3) on conflict do nothing",
        [consumer, messageId, clock.now()],
      );
      return changes > 0;
    },
    async claimAll(sql, marks) {
      // In one order everywhere: transactions with the same marks would else wait for each other.
      const wanted = marks.map((mark) => keyOf(storedMark(mark)));
      const keys = [...new Set(wanted)].sort();
      const inserted = new Set<string>();
      for (let from = 0; from < keys.length; from += batchSize)
        for (const key of await insert(sql, keys.slice(from, from + batchSize), clock.now()))
          inserted.add(key);
      return wanted.map((key) => inserted.delete(key));
    },
  };
}

async function insert(sql: Sql, keys: readonly string[], now: number): Promise<string[]> {
  const { rows } = await sql.query<{ consumer: string; message_id: string }>(
    `insert into warren_inbox (consumer, message_id, done_at) values ${placeholderRows(keys.length, 3)}
      on conflict do nothing returning consumer, message_id`,
    keys.flatMap((key) => {
      const [consumer, messageId] = split(key);
      return [consumer, messageId, now];
    }),
  );
  return rows.map((row) => keyOf({ consumer: row.consumer, messageId: row.message_id }));
}

/** Whoever sends a message chooses its id. */
function storedMark({ consumer, messageId }: Mark): Mark {
  return { consumer, messageId: storedKey(messageId) };
}

/** A consumer's name has no line break; a message's id may have anything. */
function keyOf({ consumer, messageId }: Mark): string {
  return `${consumer}\n${messageId}`;
}

function split(key: string): [consumer: string, messageId: string] {
  const at = key.indexOf("\n");
  return [key.slice(0, at), key.slice(at + 1)];
}
