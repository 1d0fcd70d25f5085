import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Clock } from "../time.ts";
import type { Binding, Exchange, Queue } from "../transport.ts";
import type { Change, Journal, Kept, KeptMessage } from "./journal.ts";
import { expiryOf, keptMessage, type MessageRow, propertiesOf } from "./sqlite-rows.ts";

/** Raised with every change of the tables that an older Warren would get wrong. */
const version = 1;
/** "Wrrn", in the header of the file. */
const applicationId = 0x5772726e;

const schema = `
  create table exchange (name text primary key, definition text not null) strict, without rowid;
  create table queue (name text primary key, definition text not null) strict, without rowid;
  create table binding (queue text, exchange text, key text, primary key (queue, exchange, key)) strict, without rowid;
  create table message (id integer primary key, queue text not null, expires_at real not null,
    properties text not null, body blob) strict;
  -- Messages that a handler has or had. Apart, so that noting it does not write a body again.
  create table hand (id integer primary key, returned integer not null, held integer not null) strict;
  pragma application_id = ${applicationId};
  pragma user_version = ${version};
`;

/** After this many bytes of bodies an empty journal gives its space back. */
const shrinkAfterBytes = 16 * 2 ** 20;

/**
 * Opens `broker.db` in `folder`, making both where they are missing. What was written survives the process, killed or
 * not; it survives the loss of power only up to the last time that SQLite had it on disk, a few megabytes ago. The file
 * is intact in either case. It is this process's alone until closed.
 * @throws Error naming the file: another process has it, it is damaged, a newer Warren wrote it, it cannot be written
 */
export function sqliteJournal(folder: string, clock: Clock): Journal {
  const file = join(folder, "broker.db");
  // Messages may hold what is nobody else's business on this machine.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Loaded here, so that who has no journal neither loads SQLite nor sees the warning of a Node.js that calls it new.
  const sqlite = process.getBuiltinModule("node:sqlite");
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(file, { timeout: 0 });
    prepare(database, file);
    return new SqliteJournal(database, file, clock);
  } catch (error) {
    database?.close();
    throw explained(error, file);
  }
}

function prepare(database: DatabaseSync, file: string): void {
  // The lock is the process's from the first statement on, and goes with it however it ends.
  database.exec("pragma locking_mode = exclusive;");
  const found = numberOf(database, "user_version");
  const isOurs = numberOf(database, "application_id") === applicationId;
  if (isOurs && found > version) throw newer(file, found);
  if (!isOurs && database.prepare("select 1 from sqlite_schema").get() !== undefined)
    throw new Error(
      `"${file}" is a database, but not a journal of Warren. Give the broker a folder of its own (dataDir, WARREN_DATA).`,
    );
  database.exec("pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = normal;");
  database.exec(`begin immediate; ${isOurs ? "" : schema} commit; pragma incremental_vacuum;`);
}

class SqliteJournal implements Journal {
  readonly file: string;
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #exchange: StatementSync;
  readonly #queue: StatementSync;
  readonly #bind: StatementSync;
  readonly #drops: readonly StatementSync[];
  readonly #add: StatementSync;
  readonly #removes: readonly StatementSync[];
  readonly #hand: StatementSync;
  #messages = 0;
  #bytesSinceShrunk = 0;

  constructor(database: DatabaseSync, file: string, clock: Clock) {
    this.#database = database;
    this.file = file;
    this.#clock = clock;
    const statement = (sql: string): StatementSync => database.prepare(sql);
    this.#begin = statement("begin");
    this.#commit = statement("commit");
    this.#exchange = statement("insert or replace into exchange values (?, ?)");
    this.#queue = statement("insert or replace into queue values (?, ?)");
    this.#bind = statement("insert or ignore into binding values (?, ?, ?)");
    this.#drops = [
      "delete from hand where id in (select id from message where queue = ?)",
      "delete from message where queue = ?",
      "delete from binding where queue = ?",
      "delete from queue where name = ?",
    ].map(statement);
    this.#add = statement("insert into message values (?, ?, ?, ?, ?)");
    this.#removes = ["delete from message where id = ?", "delete from hand where id = ?"].map(statement);
    this.#hand = statement("insert or replace into hand values (?, ?, ?)");
  }

  read(): Kept {
    try {
      return {
        exchanges: this.#definitions<Exchange>("exchange"),
        queues: this.#definitions<Queue>("queue"),
        bindings: this.#all("select queue, exchange, key from binding") as unknown as Binding[],
        lastRow: Number(this.#all("select max(id) as last from message")[0]?.last ?? 0),
        messages: this.#readMessages(),
      };
    } catch (error) {
      throw unreadable(error, this.file);
    }
  }

  write(changes: readonly Change[]): void {
    const messages = this.#messages;
    this.#begin.run();
    try {
      for (const change of changes) this.#apply(change);
      if (changes.length === 0) this.#database.exec(`pragma user_version = ${version}`);
      this.#commit.run();
    } catch (error) {
      this.#messages = messages;
      this.#rollBack();
      throw error;
    }
    if (this.#messages === 0 && this.#bytesSinceShrunk > shrinkAfterBytes) this.#shrink();
  }

  close(): void {
    try {
      this.#shrink();
    } finally {
      this.#database.close();
    }
  }

  #apply(change: Change): void {
    switch (change.to) {
      case "exchange":
        return void this.#exchange.run(change.exchange.name, JSON.stringify(change.exchange));
      case "queue":
        return void this.#queue.run(change.queue.name, JSON.stringify(change.queue));
      case "bind":
        return void this.#bind.run(change.binding.queue, change.binding.exchange, change.binding.key);
      case "drop":
        for (const drop of this.#drops) drop.run(change.queue);
        return;
      case "add": {
        const { message, queue } = change;
        if (message.row === 0) return;
        const { body } = message.message;
        const expiresAt = expiryOf(message, this.#clock.now());
        this.#add.run(message.row, queue.definition.name, expiresAt, propertiesOf(message), body);
        this.#messages++;
        this.#bytesSinceShrunk += message.bytes;
        return;
      }
      case "remove":
        for (const remove of this.#removes) remove.run(change.row);
        this.#messages--;
        return;
      case "hand":
        return void this.#hand.run(change.row, change.returned, 1);
      case "back":
        return void this.#hand.run(change.row, change.returned, 0);
    }
  }

  *#readMessages(): Iterable<KeptMessage> {
    const rows = this.#database.prepare(
      "select m.*, h.returned, h.held from message m left join hand h on h.id = m.id order by m.id",
    );
    try {
      for (const row of rows.iterate()) {
        const kept = keptMessage(row as unknown as MessageRow);
        this.#messages++;
        this.#bytesSinceShrunk += kept.message.body.byteLength;
        yield kept;
      }
    } catch (error) {
      throw unreadable(error, this.file);
    }
  }

  #definitions<Definition>(table: "exchange" | "queue"): readonly Definition[] {
    return this.#all(`select definition from ${table}`).map(
      ({ definition }) => JSON.parse(String(definition)) as Definition,
    );
  }

  #all(sql: string): Record<string, unknown>[] {
    return this.#database.prepare(sql).all();
  }

  /** Some failures, such as a full disk, make SQLite roll back by itself. */
  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec("rollback");
  }

  #shrink(): void {
    this.#bytesSinceShrunk = 0;
    this.#database.exec("pragma incremental_vacuum; pragma wal_checkpoint(truncate);");
  }
}

function numberOf(database: DatabaseSync, pragma: "user_version" | "application_id"): number {
  return Number(database.prepare(`pragma ${pragma}`).get()?.[pragma]);
}

function newer(file: string, found: number): Error {
  return new Error(
    `The journal "${file}" was written by a newer Warren (format ${found}; this one knows ${version}). ` +
      "Update Warren, or give the broker another folder (dataDir, WARREN_DATA).",
  );
}

/** What an error of SQLite's means for who reads it; any other error as it is. */
function explained(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  // The lower byte is the kind, the rest says where it came from.
  const kind = Number(error.errcode) & 0xff;
  if (kind === busy || kind === locked)
    return new Error(
      `The journal "${file}" is in use by another process. One broker has it alone: give each its own folder ` +
        "(dataDir, WARREN_DATA), or let the processes meet on RabbitMQ (AMQP_URL).",
      { cause: error },
    );
  if (kind === corrupt || kind === notADatabase || kind === genericError) return damaged(error, file);
  return new Error(`The journal "${file}" cannot be used: ${error.message}.`, { cause: error });
}

/** SQLite's result codes. The generic one is what missing tables and columns come as. */
const [genericError, busy, locked, corrupt, notADatabase] = [1, 5, 6, 11, 26];

/** Whatever else goes wrong with what was read is no fault of SQLite's: the bytes are not those that were written. */
function unreadable(error: unknown, file: string): unknown {
  const known = explained(error, file);
  return known === error && error instanceof Error ? damaged(error, file) : known;
}

function damaged(cause: Error, file: string): Error {
  return new Error(
    `The journal "${file}" is damaged: ${cause.message}. Put a copy from a backup in its place; or move it away, ` +
      `together with "${file}-wal", and start with an empty one: the messages in it are not delivered then.`,
    { cause },
  );
}
