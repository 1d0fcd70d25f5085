import type { Migration } from "../store/migration.ts";

/** What was done already: events by their message, calls by their key. Times are milliseconds since the Unix epoch. */
export const inboxTables: Migration = {
  name: "inbox and answers",
  up: ({ bytes }) => [
    `create table warren_inbox (
    consumer text not null,
    message_id text not null,
    done_at bigint not null,
    primary key (consumer, message_id)
  )`,
    "create index warren_inbox_done on warren_inbox (done_at)",
    `create table warren_answers (
    method text not null,
    key text not null,
    input_hash text not null,
    fault text,
    body ${bytes} not null,
    answered_at bigint not null,
    primary key (method, key)
  )`,
    "create index warren_answers_answered on warren_answers (answered_at)",
  ],
};
