import type { Sql, Store } from "../store.ts";

/** What the store knows of one schedule, and of its latest run. */
export interface Standing {
  readonly cron: string;
  readonly timeZone: string;
  /** Times up to it are done, given up, passed over or under way. */
  readonly passedAt: number;
  /** The last time that was done, or when the schedule came to be. */
  readonly doneAt: number;
  readonly version: number;
  /** `none`: there was no run yet. `waiting`: for the next try of the run. `failed`: it was given up. */
  readonly state: "none" | "running" | "waiting" | "done" | "failed";
  readonly tickAt: number;
  readonly missed: number;
  readonly conversation: string;
  readonly attempt: number;
  readonly begunAt: number;
  /** When the next try may begin. */
  readonly dueAt: number;
  readonly endedAt: number;
  readonly leasedBy: string | null;
  readonly leasedUntil: number;
  readonly error: string | null;
}

type Change = Partial<Omit<Standing, "version">>;

/** The row of one schedule. Each change names the version it follows, and is made only where that is still the one. */
export interface StandingRow {
  read(): Promise<Standing | undefined>;
  /** Does nothing where the row is there. */
  create(cron: string, timeZone: string, now: number): Promise<void>;
  /** @returns the new version, or `undefined` where another instance was faster: then nothing is changed */
  change(before: Pick<Standing, "version">, change: Change, sql?: Sql): Promise<number | undefined>;
  /** The same for a lease, which may have been renewed without a new version. */
  take(before: Standing, change: Change): Promise<number | undefined>;
  /** Puts off the end of a lease. */
  renew(version: number, leasedUntil: number): Promise<boolean>;
}

const columns = {
  cron: "cron",
  timeZone: "time_zone",
  passedAt: "passed_at",
  doneAt: "done_at",
  version: "version",
  state: "state",
  tickAt: "tick_at",
  missed: "missed",
  conversation: "conversation",
  attempt: "attempt",
  begunAt: "begun_at",
  dueAt: "due_at",
  endedAt: "ended_at",
  leasedBy: "leased_by",
  leasedUntil: "leased_until",
  error: "error",
} as const satisfies Record<keyof Standing, string>;

const selected = Object.entries(columns)
  .map(([name, column]) => `${column} as "${name}"`)
  .join(", ");

export function standingRow(store: Store<any>, service: string, name: string): StandingRow {
  async function update(
    sql: Sql,
    change: Partial<Standing>,
    where: readonly (readonly [keyof Standing, number])[],
  ): Promise<boolean> {
    const values: (string | number | null)[] = [service, name];
    const place = (value: string | number | null): string => `$${values.push(value)}`;
    const sets = Object.entries(change).map(
      ([key, value]) => `${columns[key as keyof Standing]} = ${place(value as string | number | null)}`,
    );
    const wheres = where.map(([key, value]) => `${columns[key]} = ${place(value)}`);
    const { changes } = await sql.query(
      `update warren_schedules set ${sets.join(", ")} where service = $1 and name = $2 and ${wheres.join(" and ")}`,
      values,
    );
    return changes > 0;
  }

  return {
    async read() {
      const { rows } = await store.query<Standing>(
        `select ${selected} from warren_schedules where service = $1 and name = $2`,
        [service, name],
      );
      return rows[0];
    },
    async create(cron, timeZone, now) {
      await store.query(
        `insert into warren_schedules (service, name, cron, time_zone, passed_at, done_at, version, state,
          tick_at, missed, conversation, attempt, begun_at, due_at, ended_at, leased_until)
        values ($1, $2, $3, $4, $5, $6, 1, 'none', 0, 0, '', 0, 0, 0, 0, 0) on conflict do nothing`,
        [service, name, cron, timeZone, now, now],
      );
    },
    async change({ version }, change, sql = store) {
      const next = version + 1;
      return (await update(sql, { ...change, version: next }, [["version", version]])) ? next : undefined;
    },
    async take({ version, leasedUntil }, change) {
      const next = version + 1;
      const same = [
        ["version", version],
        ["leasedUntil", leasedUntil],
      ] as const;
      return (await update(store, { ...change, version: next }, same)) ? next : undefined;
    },
    renew: (version, leasedUntil) => update(store, { leasedUntil }, [["version", version]]),
  };
}
