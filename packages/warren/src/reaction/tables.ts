import type { Migration } from "../store/migration.ts";

/**
 * What reactions that can be undone did, a row for each message that one ran on, and what was undone, a row for each key
 * of a reaction. Times are milliseconds since the Unix epoch.
 */
export const journalTables: Migration = {
  name: "journal of reactions",
  up: ({ sequence }) => [
    `create table warren_journal (
    seq ${sequence},
    service text not null,
    reaction text not null,
    key text not null,
    conversation text not null,
    message_id text not null,
    state text not null,
    event text not null,
    result text,
    error text,
    tries bigint not null,
    busy_until bigint not null,
    undo_event text,
    undo_message_id text,
    began_at bigint not null,
    changed_at bigint not null,
    unique (service, reaction, message_id)
  )`,
    "create index warren_journal_key on warren_journal (service, reaction, key)",
    "create index warren_journal_conversation on warren_journal (conversation)",
    "create index warren_journal_changed on warren_journal (changed_at)",
    `create table warren_undone (
    service text not null,
    reaction text not null,
    key text not null,
    conversation text not null,
    event text not null,
    message_id text not null,
    undone_at bigint not null,
    primary key (service, reaction, key)
  )`,
    "create index warren_undone_at on warren_undone (undone_at)",
  ],
};
