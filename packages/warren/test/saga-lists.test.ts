import { expect, it } from "vitest";
import { z } from "zod";
import { sagas } from "../src/conversations/sagas.ts";
import { type Sql, saga } from "../src/index.ts";
import { ledger } from "../src/saga/ledger.ts";
import { sagaRuns } from "../src/saga/looking.ts";
import { migrate } from "../src/store/migrate.ts";
import { virtualClock } from "../src/testing/virtual-clock.ts";
import { freshSqlite } from "./stores.ts";

it("runs of sagas are found and listed by indexes, however many have ended", async () => {
  const store = (await freshSqlite()).open();
  await store.open();
  await migrate(store);
  const plans: string[] = [];
  /** Tells how the database would do it. */
  const explaining: Sql = {
    async query(text, values) {
      const transaction = await store.begin();
      const { rows } = await transaction.query<{ detail: string }>(`explain query plan ${text}`, values);
      await transaction.rollback();
      plans.push(rows.map(({ detail }) => detail).join("; "));
      return { rows: [], changes: 0 };
    },
  };
  const { plan } = saga("work", { input: z.object({}), store }).finish();
  const wanted = { since: 0, until: 1, limit: 10 };
  for (const open of [true, false]) await sagas.recent(explaining, { ...wanted, open });
  for (const filter of [{}, { state: "stuck" }, { conversation: "c" }, { saga: "s", id: "a" }] as const)
    await sagaRuns(explaining, filter);
  const rows = ledger({ store: { ...store, ...explaining }, clock: virtualClock(), instance: "me" });
  await rows.strangers([plan]);
  const lease = { saga: "work", fence: 1 };
  await rows.renew(plan, [
    { ...lease, id: "a" },
    { ...lease, id: "b" },
  ]);
  await rows.claim([plan], 10, []);
  await rows.nextDue([plan]);
  expect(plans).toHaveLength(10);
  for (const each of plans) {
    // Through an index where not for one row only; sorted at most where the index leaves equal ones.
    expect(each).toMatch(/using (covering )?index/i);
    if (!each.includes("conversation=?") && !each.includes("GROUP BY"))
      expect(each).not.toMatch(/FOR ORDER BY/);
  }
});
