import type { Migration } from "../store/migration.ts";

/**
 * One row per schedule of a service, with its latest run. `passed_at`: times up to it are done, given up or under way.
 * `done_at`: the last one that was done. `version` changes with each change of who runs what. Times are milliseconds
 * since the Unix epoch.
 */
export const scheduleTables: Migration = {
  name: "schedules",
  up: () => [
    `create table warren_schedules (
    service text not null,
    name text not null,
    cron text not null,
    time_zone text not null,
    passed_at bigint not null,
    done_at bigint not null,
    version bigint not null,
    state text not null,
    tick_at bigint not null,
    missed bigint not null,
    conversation text not null,
    attempt bigint not null,
    begun_at bigint not null,
    due_at bigint not null,
    ended_at bigint not null,
    leased_by text,
    leased_until bigint not null,
    error text,
    primary key (service, name)
  )`,
    "create index warren_schedules_conversation on warren_schedules (conversation)",
  ],
};
