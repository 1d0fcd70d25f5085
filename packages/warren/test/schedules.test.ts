import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Broker, embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  contract,
  type Logger,
  type Schedule,
  type Store,
  service,
  silent,
  type Tick,
} from "../src/index.ts";
import { type VirtualClock, virtualClock } from "../src/testing/index.ts";
import { sink } from "./events-world.ts";
import { type FreshDatabase, stores } from "./stores.ts";

const shop = contract("shop", { methods: {}, events: { closed: z.object({ at: z.number() }) } });
const books = contract("books", { methods: {} });
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const start = Date.parse("2026-03-01T12:00:00Z");
const timeOf = (text: string): number => Date.parse(text);
const fixed = { attempts: 3, baseMs: 1_000, capMs: 1_000 };

vi.setConfig({ testTimeout: 30_000 });

describe.each(stores)("schedules, $name", ({ fresh }) => {
  let database: FreshDatabase;
  let broker: Broker;
  let clock: VirtualClock;
  let store: Store;
  const running: App[] = [];

  beforeEach(async () => {
    database = await fresh();
    broker = embeddedBroker();
    clock = virtualClock(start);
    store = database.open();
    await store.query("create table runs (at bigint not null, missed bigint not null, conversation text)");
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 0 })));
  });

  type Options = Partial<Schedule<any>> & { readonly log?: Logger; readonly mine?: VirtualClock };

  /** One more instance, on the same database. */
  async function instance({ log = silent, mine = clock, ...schedule }: Options = {}): Promise<App> {
    const kept = service(shop, {
      methods: {},
      store: database.open(),
      retry: fixed,
      schedules: { nightly: { cron: "0 3 * * *", run: note, ...schedule } },
    });
    const made = app({ transport: embedded({ broker }), services: [kept], clock: mine, log });
    running.push(made);
    await made.start();
    return made;
  }

  async function note({ at, missed }: Tick, { db, conversation }: { db: any; conversation: string }) {
    await db.query("insert into runs values ($1, $2, $3)", [at, missed, conversation]);
  }

  const read = async (): Promise<{ at: number; missed: number; conversation: string }[]> => [
    ...(await store.query<any>("select at, missed, conversation from runs order by at")).rows,
  ];

  /** Lets time pass until `isSo`, so slowly that a database which takes its time has some. */
  const passing = (isSo: () => Promise<void> | void): Promise<void> =>
    vi.waitFor(
      async () => {
        await clock.advance(1_000);
        await isSo();
      },
      { interval: 20, timeout: 20_000 },
    );
  const until = (isSo: (runs: readonly { at: number }[]) => boolean): Promise<void> =>
    passing(async () => expect(await read()).toSatisfy(isSo));

  const rowOf = async (): Promise<any> => (await store.query<any>("select * from warren_schedules")).rows[0];
  const known = (): Promise<void> =>
    vi.waitFor(async () =>
      expect((await store.query("select * from warren_schedules")).rows).toHaveLength(1),
    );

  it("runs at its time, in a transaction, and not before it came to be", async () => {
    await instance();
    await known();
    await clock.advance(15 * hourMs - 1_000);
    expect(await read()).toEqual([]);
    await until((runs) => runs.length === 1);
    expect(await read()).toEqual([
      {
        at: timeOf("2026-03-02T03:00:00Z"),
        missed: 0,
        conversation: "shop.nightly@2026-03-02T03:00:00.000Z",
      },
    ]);
  });

  it("runs each time once, with three instances", async () => {
    for (let i = 0; i < 3; i++) await instance({ cron: "* * * * *" });
    await known();
    let seen = 0;
    while (seen < 20) {
      await clock.advance(30_000);
      seen = (await read()).length;
    }
    const runs = await read();
    expect(new Set(runs.map(({ at }) => at)).size).toBe(runs.length);
    expect(runs.every(({ at }) => at % 60_000 === 0)).toBe(true);
  });

  it("emits with what it changes, as one conversation that is the same at each try", async () => {
    const heard = sink<{ at: number; conversation: string }>();
    const listening = service(books, {
      uses: { shop },
      methods: {},
      on: { "shop.closed": ({ at }, { conversation }) => heard.put({ at, conversation }) },
    });
    const other = app({ transport: embedded({ broker }), services: [listening], clock, log: silent });
    running.push(other);
    await other.start();
    const tries: string[] = [];
    await instance({
      async run(tick, context) {
        tries.push(`${context.attempt} ${context.conversation} ${context.messageId}`);
        await note(tick, context);
        await context.emit.closed({ at: tick.at });
        if (context.attempt < 3) throw new Error("not now");
      },
    });
    await known();
    await clock.advance(15 * hourMs);
    await until((runs) => runs.length === 1);
    const id = "shop.nightly@2026-03-02T03:00:00.000Z";
    expect(tries).toEqual([1, 2, 3].map((attempt) => `${attempt} ${id} ${id}`));
    expect(await heard.until(1)).toEqual([{ at: timeOf("2026-03-02T03:00:00Z"), conversation: id }]);
    await clock.advance(60_000);
    expect(heard.values).toHaveLength(1);
  });

  it("runs once for the latest of the times that nobody was there for, and says how many there were", async () => {
    const first = await instance();
    await known();
    await first.stop();
    await clock.advance(3 * dayMs);
    await instance();
    await until((runs) => runs.length > 0);
    await clock.advance(60_000);
    expect(await read()).toMatchObject([{ at: timeOf("2026-03-04T03:00:00Z"), missed: 2 }]);
  });

  it("passes over missed times where it is told to, and counts them at the next one", async () => {
    const first = await instance();
    await known();
    await first.stop();
    await clock.advance(3 * dayMs);
    await instance({ ifMissed: "skip" });
    await vi.waitFor(async () => expect((await rowOf()).passed_at).toBe(timeOf("2026-03-04T03:00:00Z")));
    expect(await read()).toEqual([]);
    await clock.advance(15 * hourMs);
    await until((runs) => runs.length > 0);
    expect(await read()).toMatchObject([{ at: timeOf("2026-03-05T03:00:00Z"), missed: 3 }]);
  });

  it("gives a failing run up after its tries, says so as an error, and counts it at the next time", async () => {
    const errors: unknown[] = [];
    const log: Logger = { ...silent, error: (data) => void errors.push(data), child: () => log };
    let fails = true;
    await instance({
      log,
      async run(tick, context) {
        if (fails) throw new Error("no paper");
        await note(tick, context);
      },
    });
    await known();
    await clock.advance(15 * hourMs);
    await passing(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toMatchObject({ schedule: "shop.nightly", attempt: 3, err: new Error("no paper") });
    expect(await rowOf()).toMatchObject({ state: "failed", attempt: 3, error: "Error: no paper" });
    fails = false;
    await clock.advance(23 * hourMs);
    await clock.advance(hourMs);
    await until((runs) => runs.length > 0);
    expect(await read()).toMatchObject([{ at: timeOf("2026-03-03T03:00:00Z"), missed: 1 }]);
  });

  it("gives a run up also where the text of its error is none that a database takes", async () => {
    await instance({
      run() {
        throw new Error("no \0 paper");
      },
    });
    await known();
    await clock.advance(15 * hourMs);
    await passing(async () => expect(await rowOf()).toMatchObject({ state: "failed" }));
    expect(await rowOf()).toMatchObject({ attempt: 3, error: "Error: no \ufffd paper" });
  });

  it("gives a failing run up for the next time", async () => {
    const tries: number[] = [];
    await instance({
      cron: "* * * * *",
      retry: { attempts: 100, baseMs: 50_000, capMs: 50_000 },
      async run(tick, context) {
        tries.push(tick.at);
        if (tick.at === tries[0]) throw new Error("not now");
        await note(tick, context);
      },
    });
    await known();
    await until((runs) => runs.length > 0);
    const first = tries[0]!;
    expect(tries.slice(0, -1).every((at) => at === first)).toBe(true);
    expect(await read()).toMatchObject([{ at: first + 60_000, missed: 1 }]);
  });

  it("takes over the run of an instance that died, and counts its try", async () => {
    await instance({ retry: { attempts: 2 } });
    await known();
    await running.pop()!.stop();
    const at = timeOf("2026-03-02T03:00:00Z");
    await store.query(
      `update warren_schedules set state = 'running', tick_at = $1, passed_at = $1, attempt = 1, leased_until = $2,
        conversation = 'shop.nightly@then', leased_by = 'dead', version = 7`,
      [at, at + 30_000],
    );
    await clock.advance(at - clock.now() + 1_000);
    const tries: number[] = [];
    await instance({
      retry: { attempts: 2 },
      async run(tick, context) {
        tries.push(context.attempt);
        await note(tick, context);
      },
    });
    await clock.advance(20_000);
    expect(tries).toEqual([]);
    await until((runs) => runs.length === 1);
    expect(tries).toEqual([2]);
    expect(await read()).toMatchObject([{ at, conversation: "shop.nightly@then" }]);
  });

  it("gives up a run whose processes died at each of its tries", async () => {
    const errors: any[] = [];
    const log: Logger = { ...silent, error: (data) => void errors.push(data), child: () => log };
    await instance();
    await known();
    await running.pop()!.stop();
    await store.query(
      "update warren_schedules set state = 'running', tick_at = $1, passed_at = $1, attempt = 3, leased_until = $1",
      [clock.now() - 1],
    );
    await instance({ log });
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    expect(await rowOf()).toMatchObject({ state: "failed" });
    expect((await rowOf()).error).toContain("process died");
    expect(await read()).toEqual([]);
  });

  it("undoes what a run changed whose lease another instance has taken meanwhile", async () => {
    const warnings: string[] = [];
    const log: Logger = { ...silent, warn: (_, text) => void warnings.push(text), child: () => log };
    let entered = 0;
    await instance({
      log,
      async run(tick, context) {
        if (++entered === 1)
          await store.query("update warren_schedules set version = version + 1, leased_until = $1", [
            clock.now(),
          ]);
        await note(tick, context);
      },
    });
    await known();
    await clock.advance(15 * hourMs);
    await until((runs) => runs.length === 1);
    expect(entered).toBe(2);
    expect(warnings.some((text) => text.includes("another instance's"))).toBe(true);
    expect(await read()).toHaveLength(1);
  });

  it("does not run a time again after the clock was set back, and catches up after it was set forward", async () => {
    const errant = virtualClock(start);
    await instance({ mine: errant });
    await known();
    await errant.advance(15 * hourMs);
    await vi.waitFor(async () => {
      await errant.advance(1_000);
      expect(await read()).toHaveLength(1);
    });
    await running.pop()!.stop();
    const back = virtualClock(timeOf("2026-03-02T02:30:00Z"));
    await instance({ mine: back });
    await back.advance(hourMs);
    expect(await read()).toHaveLength(1);
    await running.pop()!.stop();
    const ahead = virtualClock(timeOf("2026-03-04T05:00:00Z"));
    await instance({ mine: ahead });
    await vi.waitFor(async () => {
      await ahead.advance(1_000);
      expect(await read()).toHaveLength(2);
    });
    expect((await read())[1]).toMatchObject({ at: timeOf("2026-03-04T03:00:00Z"), missed: 1 });
  });

  it("goes on from now where its last time is far in the future, as after a clock that was wrong by a year", async () => {
    await instance();
    await known();
    await running.pop()!.stop();
    await store.query("update warren_schedules set passed_at = $1, done_at = $1", [start + 365 * dayMs]);
    await instance();
    await vi.waitFor(async () => expect((await rowOf()).passed_at).toBe(start));
    await clock.advance(15 * hourMs);
    await until((runs) => runs.length === 1);
    expect((await read())[0]).toMatchObject({ missed: 0 });
  });

  it("takes no time for missed that a schedule has only by being changed", async () => {
    await instance({ cron: "0 3 * * 1" });
    await known();
    await running.pop()!.stop();
    await clock.advance(6 * hourMs);
    await instance({ cron: "0 * * * *" });
    await vi.waitFor(async () => expect(await rowOf()).toMatchObject({ cron: "0 * * * *" }));
    expect(await read()).toEqual([]);
    await clock.advance(hourMs);
    await until((runs) => runs.length === 1);
    expect(await read()).toMatchObject([{ at: start + 7 * hourMs, missed: 0 }]);
  });

  it("hands a run under way over when its app stops and the drain time is over", async () => {
    const entered = sink<number>();
    const stopping = await instance({
      run: (_, context) => {
        entered.put(context.attempt);
        return new Promise(() => {});
      },
    });
    await known();
    await clock.advance(15 * hourMs);
    await passing(() => expect(entered.values).toHaveLength(1));
    running.pop();
    await Promise.all([stopping.stop({ drainMs: 1 }), clock.advance(1_000)]);
    await vi.waitFor(async () => expect(await rowOf()).toMatchObject({ state: "waiting", attempt: 0 }));
    await instance();
    await until((runs) => runs.length === 1);
  });

  it("ends a run at its timeout, as a failed try", async () => {
    const tries: number[] = [];
    await instance({
      timeoutMs: 5_000,
      async run(tick, context) {
        tries.push(context.attempt);
        if (context.attempt === 1) await new Promise(() => {});
        await note(tick, context);
      },
    });
    await known();
    await clock.advance(15 * hourMs);
    await until((runs) => runs.length === 1);
    expect(tries).toEqual([1, 2]);
  });
});
