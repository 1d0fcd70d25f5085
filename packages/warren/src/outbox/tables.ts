import type { Migration } from "../store/migration.ts";

/**
 * Messages that wait to be sent. `due_at` is when a relay looks at it next: when it is to be sent, when it is to be tried
 * again, or when the lease of the process in `leased_by` ends. One column for all three, so that one index answers the
 * question a relay asks all the time. `wanted_at` stays when it is to be sent. `failures` of the `attempts` count against the
 * entry; the others reached nobody. Times are milliseconds since the Unix epoch.
 */
export const outboxTables: Migration = {
  name: "outbox",
  up: ({ bytes, sequence }) => [
    `create table warren_outbox (
    seq ${sequence},
    id text not null unique,
    service text not null,
    kind text not null,
    type text not null,
    conversation text not null,
    lane text,
    message text not null,
    body ${bytes} not null,
    due_at bigint not null,
    wanted_at bigint not null,
    leased_by text,
    attempts bigint not null,
    failures bigint not null,
    last_error text,
    created_at bigint not null
  )`,
    "create index warren_outbox_due on warren_outbox (due_at, seq)",
    "create index warren_outbox_lane on warren_outbox (lane, seq) where lane is not null",
    // For those who look where a conversation has come to, also while a million messages wait.
    "create index warren_outbox_conversation on warren_outbox (conversation)",
    "create index warren_outbox_created on warren_outbox (created_at)",
  ],
};
