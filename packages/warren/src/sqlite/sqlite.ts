import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Dialect, Sql, Store } from "../store.ts";
import { type Clock, systemClock } from "../time.ts";
import { type Disk, logOnDisk, noDisk } from "./disk.ts";
import { type Patience, patience } from "./patience.ts";
import { type Statements, statements } from "./statements.ts";
import { type Writer, writer } from "./writer.ts";

export interface SqliteOptions<D> {
  /** What health, metrics and logs call it; where one process has several, they are told apart by it. @default "sqlite" */
  readonly name?: string | undefined;
  /** Where the database is; made where it is missing, with its folder. @default in memory, gone with the process */
  readonly file?: string | undefined;
  /** The application's own client, made over `sql`: what handlers get as `db`. @default `sql` itself */
  readonly client?: (sql: Sql) => D;
  /** How long opening, and each transaction, waits for another process that writes, in milliseconds. @default 5_000 */
  readonly busyTimeoutMs?: number;
  readonly clock?: Clock;
}

const dialect: Dialect = {
  bytes: "blob",
  sequence: "integer primary key autoincrement",
  // One transaction writes at a time, and only writing ones are begun.
  skipLocked: "",
  forUpdate: "",
  lock: () => undefined,
};

/**
 * A store in an SQLite file, by Node's own driver. What was committed is on disk. Transactions run one after the other, each
 * from its beginning to its end; the disk is asked once for all that are committed while it is busy.
 * @throws TypeError for a `file` that is no path
 */
export function sqlite<D = Sql>(options: SqliteOptions<D> = {}): Store<D> {
  const { name = "sqlite", file, client = (sql) => sql as D, busyTimeoutMs = 5_000 } = options;
  const { clock = systemClock } = options;
  if (file !== undefined && (file.trim() === "" || file === ":memory:"))
    throw new TypeError(
      `sqlite: \`file\` is "${file}"; give the path of a file, or leave it out for a database in memory.`,
    );
  let opened: Opened | undefined;
  let opening: Promise<Opened> | undefined;
  let closing: Promise<void> | undefined;

  /** `undefined` where it is yet to be opened. */
  function database(): Opened | undefined {
    if (closing !== undefined) throw new Error(`The SQLite store ${file ?? "in memory"} is closed.`);
    return opened;
  }

  async function open(): Promise<Opened> {
    opening ??= openDatabase(file, busyTimeoutMs, clock);
    try {
      opened = await opening;
      return opened;
    } finally {
      opening = undefined;
    }
  }

  async function close(): Promise<void> {
    const last = opened ?? (await opening?.catch(() => undefined));
    await last?.close();
  }

  return {
    name,
    dialect,
    client,
    async open() {
      if (database() === undefined) await open();
    },
    async query(text, values) {
      const { reader, writer, patience } = database() ?? (await open());
      // Not on the writer's connection, where it would be part of whatever transaction is under way.
      if (reader !== undefined && isReading(text)) return patience(() => reader.run<any>(text, values));
      const transaction = await writer.begin();
      try {
        const result = await transaction.query<any>(text, values);
        await transaction.commit();
        return result;
      } catch (error) {
        await transaction.rollback();
        throw error;
      }
    },
    begin: async () => (database() ?? (await open())).writer.begin(),
    async ping(timeoutMs) {
      const { reader, disk } = database() ?? (await open());
      disk.check();
      if (file === undefined) return;
      // A deleted file is written to as before, and gone with this process.
      if (!existsSync(file)) throw new Error(`The file of the SQLite store ${file} is gone.`);
      await patience(timeoutMs, clock)(() => reader?.run("select count(*) as n from sqlite_schema"));
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

interface Opened {
  readonly writer: Writer;
  readonly patience: Patience;
  /** `undefined` in memory, where a second connection would see another database. */
  readonly reader: Statements | undefined;
  readonly disk: Disk;
  close(): Promise<void>;
}

async function openDatabase(file: string | undefined, busyTimeoutMs: number, clock: Clock): Promise<Opened> {
  // Loaded here, so that who has no store neither loads SQLite nor sees the warning of a Node.js that calls it new.
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const opened: DatabaseSync[] = [];
  const connect = (): DatabaseSync => {
    // Not waiting by itself: that would hold up the whole process.
    const connection = new DatabaseSync(file ?? ":memory:", {
      timeout: 0,
      enableForeignKeyConstraints: true,
    });
    opened.push(connection);
    return connection;
  };
  const close = (): void => {
    for (const connection of opened.splice(0)) connection.close();
  };
  try {
    // Whatever the application keeps is nobody else's business on this machine.
    if (file !== undefined) mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const writing = connect();
    const wait = patience(busyTimeoutMs, clock);
    // A file that has no log yet gets one when nobody else is at it. What is committed is brought to the disk by `Disk`.
    await wait(() => writing.exec("pragma journal_mode = wal; pragma synchronous = normal"));
    const disk = file === undefined ? noDisk : await wait(() => openLog(writing, file));
    const reader = file === undefined ? undefined : statements(connect());
    const writes = writer({ database: writing, statements: statements(writing), disk, patience: wait });
    return {
      writer: writes,
      patience: wait,
      reader,
      disk,
      async close() {
        await writes.idle();
        close();
        await disk.close();
      },
    };
  } catch (cause) {
    close();
    throw new Error(
      `The SQLite database ${file ?? "in memory"} cannot be opened: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** The log is made by whoever looks into the database first. */
function openLog(writing: DatabaseSync, file: string): Disk {
  writing.exec("select count(*) from sqlite_schema");
  return logOnDisk(file);
}

function isReading(text: string): boolean {
  return /^\s*select\b/i.test(text);
}
