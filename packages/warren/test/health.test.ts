import { rmSync } from "node:fs";
import pg from "pg";
import { describe, expect, it, onTestFinished, test, vi } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  contract,
  type Store,
  service,
  silent,
  type Transport,
} from "../src/index.ts";
import { postgres } from "../src/postgres/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { tcpProxy, virtualClock } from "../src/testing/index.ts";
import { proxied } from "./rabbit.ts";
import { asAdmin, freshPostgres, freshSqlite, stores } from "./stores.ts";

const shop = contract("health-shop", {});

async function started(options: Partial<AppOptions> & { readonly store?: Store<any> } = {}): Promise<App> {
  const { store, ...rest } = options;
  const made = app({
    transport: embedded(),
    log: silent,
    services: [service(shop, { methods: {}, ...(store && { store }) } as never)],
    ...rest,
  });
  onTestFinished(() => made.stop({ drainMs: 100 }));
  await made.start();
  return made;
}

/** A store whose pings the test answers. */
function asked(store: Store<any>) {
  const pings: PromiseWithResolvers<void>[] = [];
  const ping = (): Promise<void> => {
    pings.push(Promise.withResolvers<void>());
    return pings.at(-1)!.promise;
  };
  return { pings, store: { ...store, ping } };
}

it("calls each store by its name, and hides no other check behind it", async () => {
  const named = ["orders", "transport", undefined].map((name) => sqlite({ name }));
  const pg = postgres({ name: "stock", url: "postgres://nobody@127.0.0.1:1/none" });
  expect(pg.name).toBe("stock");
  await pg.close();
  const { checks } = await (await started({ stores: named })).health();
  expect(Object.keys(checks)).toEqual(["app", "transport", "orders", "transport-2", "sqlite"]);
});

describe.each(stores)("a process with a store on $name", ({ name, fresh }) => {
  it("is ready once it has started, and not before or after", async () => {
    const database = await fresh();
    const made = app({ transport: embedded(), log: silent, stores: [database.open(), database.open()] });
    expect(await made.health()).toMatchObject({ ready: false, reason: "the app is new" });
    const starting = made.start();
    expect(await made.health()).toMatchObject({ ready: false, reason: "the app is starting" });
    await starting;
    expect(await made.health()).toEqual({
      ready: true,
      reason: undefined,
      checks: {
        app: { ok: true },
        transport: { ok: true },
        [name]: { ok: true },
        [`${name}-2`]: { ok: true },
      },
    });
    made.retire();
    expect(await made.health()).toMatchObject({ ready: false, reason: "the app is about to stop" });
    const stopping = made.stop();
    expect(await made.health()).toMatchObject({ ready: false, reason: "the app is stopping" });
    await stopping;
    expect(await made.health()).toMatchObject({ ready: false, reason: "the app is stopped" });
  });
});

describe("a process on PostgreSQL", () => {
  it("is not ready while the database takes nobody, and is again by itself", async () => {
    const database = await freshPostgres();
    const name = new URL(database.location).pathname.slice(1);
    const made = await started({ store: database.open() });
    expect((await made.health()).ready).toBe(true);

    await asAdmin(`alter database ${name} allow_connections false`);
    await asAdmin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    const since = performance.now();
    await vi.waitFor(async () => expect((await made.health()).ready).toBe(false));
    expect(performance.now() - since).toBeLessThan(2_500);
    const { reason, checks } = await made.health();
    expect(reason).toContain(`The PostgreSQL database ${name} at`);
    expect(checks.postgres).toMatchObject({ ok: false, reason: "it does not answer" });

    await asAdmin(`alter database ${name} allow_connections true`);
    await vi.waitFor(async () => expect((await made.health()).ready).toBe(true));
  });

  it("does not mistake a connection that was lost meanwhile for a database that is", async () => {
    const database = await freshPostgres();
    const name = new URL(database.location).pathname.slice(1);
    const store = database.open();
    for (let round = 0; round < 5; round++) {
      await store.ping(1_000);
      await asAdmin(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    }
    await store.ping(1_000);
  });

  it("asks as the application's own pool would, and leaves that open", async () => {
    const { username, password, hostname, port, pathname } = new URL((await freshPostgres()).location);
    const settings = {
      user: username,
      password,
      host: hostname,
      port: Number(port),
      database: pathname.slice(1),
    };
    const pool = new pg.Pool({ ...settings, max: 1 });
    const store = postgres({ pool });
    await store.ping(1_000);
    await store.close();
    expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  it("says so within two seconds where the network swallows everything", async () => {
    const url = new URL((await freshPostgres()).location);
    const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port) });
    onTestFinished(() => proxy.close());
    url.host = `${proxy.host}:${proxy.port}`;
    const made = await started({ store: postgres({ url: url.href }) });
    expect((await made.health()).ready).toBe(true);
    await proxy.set("blackhole");
    const since = performance.now();
    await vi.waitFor(async () => expect((await made.health()).ready).toBe(false));
    expect(performance.now() - since).toBeLessThan(2_500);
    await proxy.set("pass");
    proxy.cut();
    await vi.waitFor(async () => expect((await made.health()).ready).toBe(true));
  });

  it("asks over one connection, however often it is asked, and while the pool is busy", async () => {
    const url = new URL((await freshPostgres()).location);
    const proxy = await tcpProxy({ host: url.hostname, port: Number(url.port) });
    onTestFinished(() => proxy.close());
    url.host = `${proxy.host}:${proxy.port}`;
    const store = postgres({ url: url.href, maxConnections: 2 });
    const made = await started({ store });
    const busy = [await store.begin(), await store.begin()];
    await made.health();
    const before = proxy.connections;
    expect(before).toBe(3);
    for (let round = 0; round < 5; round++) {
      const all = await Promise.all(Array.from({ length: 500 }, () => made.health()));
      expect(all.every(({ ready }) => ready)).toBe(true);
    }
    expect(proxy.connections).toBe(before);
    for (const transaction of busy) await transaction.rollback();
  });
});

it("a process whose SQLite file was deleted is not ready", async () => {
  const { location } = await freshSqlite();
  const made = await started({ store: sqlite({ file: location }) });
  expect((await made.health()).ready).toBe(true);
  rmSync(location);
  await vi.waitFor(async () =>
    expect(await made.health()).toMatchObject({ ready: false, reason: expect.stringContaining("is gone") }),
  );
});

describe("a process on RabbitMQ", () => {
  it("is not ready while the broker is away", async () => {
    const { proxy, url } = await proxied();
    const transport = rabbitmq({ url, reconnect: { baseMs: 10, capMs: 50 } });
    const made = await started({ transport });
    expect(await made.health()).toMatchObject({ ready: true });
    await proxy.set("refuse");
    proxy.cut();
    await vi.waitFor(async () => expect((await made.health()).ready).toBe(false));
    const { reason, checks } = await made.health();
    expect(reason).not.toMatch(/guest|@/);
    expect(checks.transport).toMatchObject({ ok: false, reason: "the broker is away, or takes no messages" });
    await proxy.set("pass");
    await vi.waitFor(async () => expect((await made.health()).ready).toBe(true));
  });

  test.for([
    [{ publishing: false, consuming: true }, "the broker takes no messages"],
    [{ publishing: true, consuming: false }, "not every consumer is attached"],
  ] as const)("is not ready with the transport at %j", async ([state, reason]) => {
    const inner = embedded();
    const transport: Transport = Object.create(inner, {
      state: { get: () => ({ ...state, reason: "shop.events at rabbit.internal" }) },
    });
    const made = await started({
      transport: { ...inner, ...bound(inner), state: transport.state } as Transport,
    });
    const { checks, ...health } = await made.health();
    expect(health).toEqual({ ready: false, reason: "shop.events at rabbit.internal" });
    expect(checks.transport).toEqual({ ok: false, reason, detail: "shop.events at rabbit.internal" });
  });
});

/** The members of a transport, whatever it is made of. */
function bound(transport: Transport): Partial<Transport> {
  const names = ["declare", "publish", "send", "consume", "replies", "inspect", "watch", "close"] as const;
  return {
    name: transport.name,
    maxMessageBytes: transport.maxMessageBytes,
    ...Object.fromEntries(names.map((name) => [name, (transport[name] as any).bind(transport)])),
  };
}

describe("a database is asked", () => {
  it("once for all who ask at the same time, and not again within a second", async () => {
    const clock = virtualClock();
    const { pings, store } = asked((await freshSqlite()).open());
    const made = await started({ store, clock });
    const both = [made.health(), made.health()];
    await vi.waitFor(() => expect(pings).toHaveLength(1));
    pings[0]!.resolve();
    expect((await Promise.all(both)).map(({ ready }) => ready)).toEqual([true, true]);
    await clock.advance(999);
    expect((await made.health()).ready).toBe(true);
    expect(pings).toHaveLength(1);
    await clock.advance(1);
    const later = made.health();
    await vi.waitFor(() => expect(pings).toHaveLength(2));
    pings[1]!.reject(new Error("gone to lunch"));
    expect(await later).toMatchObject({ ready: false, reason: "Error: gone to lunch" });
  });

  it("no second time while it has not answered, and is given up after a second", async () => {
    const clock = virtualClock();
    const { pings, store } = asked((await freshSqlite()).open());
    const made = await started({ store, clock });
    for (let round = 0; round < 3; round++) {
      const health = made.health();
      await vi.waitFor(() => expect(pings).toHaveLength(1));
      await clock.advance(1_000);
      expect(await health).toMatchObject({
        ready: false,
        reason: "the store sqlite gave no answer within 1000 ms",
      });
      await clock.advance(1_000);
    }
    pings[0]!.resolve();
    expect((await made.health()).ready).toBe(true);
  });

  it("and the log told once when it goes, and once when it comes back", async () => {
    const clock = virtualClock();
    const told: string[] = [];
    const log = { ...silent, warn: (_: object, text: string) => void told.push(text), child: () => log };
    log.info = (_: object, text: string) => void told.push(text);
    const { pings, store } = asked((await freshSqlite()).open());
    const made = await started({ store, clock, log });
    for (const ok of [false, false, true, true]) {
      const health = made.health();
      await vi.waitFor(() => expect(pings).toHaveLength(1));
      const [ping] = pings.splice(0);
      if (ok) ping!.resolve();
      else ping!.reject(new Error("away"));
      await health;
      await clock.advance(1_000);
    }
    expect(told).toEqual(["started", "a database does not answer", "a database answers again"]);
  });
});

it("what is to run after the end runs after the end, and fails by itself", async () => {
  const made = await started();
  const seen: unknown[] = [];
  made.onStopped(async () => seen.push((await made.health()).reason));
  made.onStopped(() => {
    throw new Error("of no consequence");
  });
  await made.stop();
  made.onStopped(() => seen.push("late"));
  expect(seen).toEqual(["the app is stopped", "late"]);
});
