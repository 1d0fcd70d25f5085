import type { Migration } from "../store/migration.ts";

/**
 * Runs of sagas. Times are milliseconds since the Unix epoch. `due_at` is when somebody is to look at a run: whoever works
 * on it puts it into the future again and again, so that another takes over once nobody does. `null`: nothing is to be
 * done until an event or a person comes. `fence` grows whenever somebody takes a run, and never is what it was.
 * `expires_at` is when a row goes: whoever writes it knows its saga, and whoever deletes it need not.
 */
export const sagaTables: Migration = {
  name: "sagas",
  up: () => [
    `create table warren_sagas (
    saga text not null,
    id text not null,
    version text not null,
    shape text not null,
    state text not null,
    input text not null,
    output text,
    error text,
    conversation text not null,
    principal text,
    trace text,
    waiting text,
    deadline bigint,
    due_at bigint,
    leased_by text,
    fence bigint not null,
    began_at bigint not null,
    since bigint not null,
    ended_at bigint,
    expires_at bigint,
    primary key (saga, id)
  )`,
    "create index warren_sagas_due on warren_sagas (due_at) where due_at is not null",
    "create index warren_sagas_waiting on warren_sagas (saga, waiting) where waiting is not null",
    "create index warren_sagas_conversation on warren_sagas (conversation)",
    "create index warren_sagas_expiring on warren_sagas (expires_at) where expires_at is not null",
    "create index warren_sagas_open on warren_sagas (since) where ended_at is null",
    "create index warren_sagas_since on warren_sagas (since)",
    "create index warren_sagas_began on warren_sagas (began_at desc, saga, id)",
    "create index warren_sagas_state on warren_sagas (state, began_at desc, saga, id)",
    `create table warren_saga_steps (
    saga text not null,
    id text not null,
    step text not null,
    state text not null,
    attempts bigint not null,
    undo_attempts bigint not null,
    result text,
    error text,
    due_at bigint,
    signal text,
    anew text,
    traced text,
    began_at bigint not null,
    done_at bigint,
    undone_at bigint,
    primary key (saga, id, step),
    foreign key (saga, id) references warren_sagas (saga, id) on delete cascade
  )`,
    `create table warren_saga_signals (
    saga text not null,
    step text not null,
    key text not null,
    message_id text not null,
    event text not null,
    received_at bigint not null,
    expires_at bigint not null,
    primary key (saga, step, key, message_id)
  )`,
    "create index warren_saga_signals_expiring on warren_saga_signals (expires_at)",
  ],
};
