import { inboxTables } from "../inbox/tables.ts";
import { outboxTables } from "../outbox/tables.ts";
import { journalTables } from "../reaction/tables.ts";
import { sagaTables } from "../saga/tables.ts";
import { scheduleTables } from "../schedule/tables.ts";
import type { Migration } from "./migration.ts";

/** In order; the version of a database is how many of them were done to it. New ones go to the end. */
export const migrations: readonly Migration[] = [
  outboxTables,
  inboxTables,
  scheduleTables,
  journalTables,
  sagaTables,
];
