import type { Generated } from "kysely";
import { openSqlite } from "../sqlite/open.ts";

interface NoticeTable {
  id: Generated<number>;
  message_id: string;
  user_id: string;
  text: string;
  at: string;
  posted: Generated<0 | 1>;
}

/** What users were told or are to be told, in `<folder>/notifications.db`. */
export interface Notices {
  /**
   * Keeps what a message leads to, once per message however often it arrives.
   * @returns whether it has yet to be posted
   */
  keep(notice: {
    readonly messageId: string;
    readonly userId: string;
    readonly text: string;
  }): Promise<boolean>;
  markPosted(messageId: string): Promise<void>;
  latest(userId: string, limit: number): Promise<{ id: number; text: string; at: string }[]>;
  close(): Promise<void>;
}

export function openNotices(folder: string): Notices {
  const { db, close } = openSqlite<{ notices: NoticeTable }>(folder, "notifications", schema);
  return {
    async keep({ messageId, userId, text }) {
      const values = { message_id: messageId, user_id: userId, text, at: new Date().toISOString() };
      await db
        .insertInto("notices")
        .values(values)
        .onConflict((conflict) => conflict.column("message_id").doNothing())
        .execute();
      const { posted } = await db
        .selectFrom("notices")
        .select("posted")
        .where("message_id", "=", messageId)
        .executeTakeFirstOrThrow();
      return posted === 0;
    },
    async markPosted(messageId) {
      await db.updateTable("notices").set({ posted: 1 }).where("message_id", "=", messageId).execute();
    },
    latest: (userId, limit) =>
      db
        .selectFrom("notices")
        .select(["id", "text", "at"])
        .where("user_id", "=", userId)
        .orderBy("id", "desc")
        .limit(limit)
        .execute(),
    close,
  };
}

const schema = `
  create table if not exists notices (
    id integer primary key,
    message_id text not null unique,
    user_id text not null,
    text text not null,
    at text not null,
    posted integer not null default 0 check (posted in (0, 1))
  ) strict;
  create index if not exists notices_of_user on notices (user_id, id)`;
