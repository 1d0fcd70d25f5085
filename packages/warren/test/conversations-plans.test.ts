import { beforeEach, describe, expect, it } from "vitest";
import { messages } from "../src/conversations/messages.ts";
import { reactions } from "../src/conversations/reactions.ts";
import type { ConversationSource } from "../src/conversations/source.ts";
import type { Query, Store } from "../src/index.ts";
import { migrate } from "../src/store/migrate.ts";
import { stores } from "./stores.ts";

const rows = 5_000;
const numbers = `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ${rows})`;
const fill = [
  `insert into warren_outbox
    (id, service, kind, type, conversation, message, body, due_at, wanted_at, attempts, failures, created_at)
  ${numbers} select 'm' || n, 's', 'event', 's.e', 'c' || n, '{}', $1, 1, 1, 0, 0, n from numbers`,
  `insert into warren_journal
    (service, reaction, key, conversation, message_id, state, event, tries, busy_until, began_at, changed_at)
  ${numbers} select 's', 's.e', 'k' || n, 'c' || n, 'm' || n, 'done', '{}', 1, 0, n, n from numbers`,
];
const tables: readonly (readonly [string, ConversationSource])[] = [
  ["warren_outbox", messages],
  ["warren_journal", reactions],
];

describe.each(stores)("questions about conversations, on $name,", ({ name, fresh }) => {
  let store: Store;
  beforeEach(async () => {
    store = (await fresh()).open();
    await store.open();
    await migrate(store);
    for (const text of fill) await store.query(text, text.includes("$1") ? [new Uint8Array()] : []);
    await store.query("analyze");
  });

  /** How the database finds what a source asks for. */
  async function plansOf(ask: (sql: { query: Query }) => Promise<readonly unknown[]>): Promise<string> {
    const plans: string[] = [];
    const query: Query = async (text, values) => {
      const explain = name === "sqlite" ? "explain query plan" : "explain";
      const plan = await store.query<{ detail?: string; "QUERY PLAN"?: string }>(
        `${explain} ${text}`,
        values,
      );
      plans.push(...plan.rows.map((row) => row.detail ?? row["QUERY PLAN"]!));
      return store.query(text, values);
    };
    expect(await ask({ query })).not.toEqual([]);
    return plans.join("\n");
  }

  const readsAll = /^SCAN \w+$|Seq Scan|Sort|TEMP B-TREE/m;

  it.each(tables)("find the latest rows of %s by an index", async (_table, source) => {
    const wanted = { open: false, since: 1, until: rows, limit: 20 };
    expect(await plansOf((sql) => source.recent(sql, wanted))).not.toMatch(readsAll);
  });

  it.each(tables)("find the rows of a conversation in %s by an index", async (_table, source) => {
    const asked = { conversations: ["c7", "c8"], data: true, limit: 100, now: 0 };
    expect(await plansOf((sql) => source.steps(sql, asked))).not.toMatch(readsAll);
  });
});
