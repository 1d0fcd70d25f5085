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
    // Until there is an answer (a body), somebody works on it: the run `held_by`, on `held_message`, until `held_until`.
    `create table warren_answers (
    method text not null,
    caller text not null,
    key text not null,
    input_hash text not null,
    held_by text not null,
    held_message text,
    held_until bigint not null,
    fault text,
    content_type text,
    body ${bytes},
    noted_at bigint not null,
    primary key (method, caller, key)
  )`,
    "create index warren_answers_noted on warren_answers (noted_at)",
    // Of what one process at a time does for all that have this store.
    "create table warren_turns (name text primary key, next_at bigint not null)",
  ],
};
