/**
 * A database, as Warren needs it. Two exist, `warren/sqlite` and `warren/postgres`; `storeConformance` in
 * `warren/testing` is the suite that a third has to pass. Warren keeps tables of its own in it (`warren_…`), beside those
 * of the application, so that one transaction changes both.
 */
export interface Store<D = Sql> {
  /** `"sqlite"`, `"postgres"`, or what it was named, for health, logs and metrics. */
  readonly name: string;
  readonly dialect: Dialect;
  /** Opens the database. Idempotent. @throws Error naming the database that could not be opened */
  open(): Promise<void>;
  /**
   * One statement in a transaction of its own.
   * @throws Error of the driver
   */
  readonly query: Query;
  /**
   * Begins a transaction, waiting for a connection where that is necessary. It sees what was committed before it began.
   * Whoever begins one ends it.
   */
  begin(): Promise<Transaction>;
  /**
   * Whether the database answers: for health, and so beside whatever transactions are under way. Opens the store where it is
   * not open yet.
   * @throws Error saying why not, after `timeoutMs` milliseconds or so at the latest
   */
  ping(timeoutMs: number): Promise<void>;
  /** What handlers get as `db`: the application's own client, such as Kysely, whose statements go through `sql`. */
  client(sql: Sql): D;
  /** Waits for transactions under way, then closes. Idempotent. */
  close(): Promise<void>;
}

/** Where statements go. */
export interface Sql {
  readonly query: Query;
}

/**
 * Runs one statement, with `$1`, `$2`, … for the values. Whole numbers come back as numbers, bytes as `Uint8Array`, in
 * both stores.
 * @throws TypeError for several statements in one text, for what begins or ends a transaction (savepoints are fine), and
 * for a value that is no `SqlValue`
 */
export type Query = <R extends object = Row>(
  text: string,
  values?: readonly SqlValue[],
) => Promise<QueryResult<R>>;

export interface QueryResult<R> {
  /** What a `select` or a `returning` gives. */
  readonly rows: readonly R[];
  /** How many rows an `insert`, `update` or `delete` was about. */
  readonly changes: number;
}

/** Numbers are whole ones, up to 2^53. Times, truth values and objects an application writes as one of these. */
export type SqlValue = string | number | Uint8Array | null;
export type Row = Readonly<Record<string, SqlValue>>;

/**
 * A transaction under way. After `commit` or `rollback` its statements fail. After a statement that failed, or was refused,
 * there is only `rollback`, or the statement `rollback to` a savepoint.
 */
export interface Transaction extends Sql {
  /**
   * Resolves when what it changed outlives a kill of this process and of the database.
   * @throws OutcomeUnknown where the database's answer was lost; any other error means that nothing is changed
   */
  commit(): Promise<void>;
  /** Undoes all of it. Never rejects: a transaction whose connection is lost is undone as well. */
  rollback(): Promise<void>;
}

/** A transaction was to be committed, and its connection was lost before the database said whether it is. */
export class OutcomeUnknown extends Error {
  constructor(place: string, cause: unknown) {
    super(
      `The connection to the database ${place} was lost during a commit: whether the transaction is done is not known.`,
      { cause },
    );
    this.name = "OutcomeUnknown";
  }
}

/** The database cannot be reached, or the connection to it was lost: no statement was at fault. */
export class StoreUnreachable extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = "StoreUnreachable";
  }
}

/** In what the SQL of two databases differs, as far as Warren's own tables need it. */
export interface Dialect {
  /** The type of a column of bytes. */
  readonly bytes: string;
  /** A column that counts up by itself, as its table's primary key. */
  readonly sequence: string;
  /** Ends a `select` that takes rows which no other transaction shall take meanwhile, leaving out those taken. */
  readonly skipLocked: string;
  /** Ends a `select` whose rows no other transaction shall change before this one ends. */
  readonly forUpdate: string;
  /** A statement that makes transactions with the same lock wait for each other; `undefined` where all do anyway. */
  lock(name: string): string | undefined;
}

/** Runs `work` in a transaction: committed when it resolves, undone when it throws. */
export async function inTransaction<T>(
  store: Pick<Store, "begin">,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const transaction = await store.begin();
  let result: T;
  try {
    result = await work(transaction);
  } catch (error) {
    await transaction.rollback();
    throw error;
  }
  await transaction.commit();
  return result;
}
