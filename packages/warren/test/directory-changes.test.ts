import { expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  contract,
  contractFingerprint,
  rpc,
  type Service,
  service,
  silent,
} from "../src/index.ts";
import { noted } from "./directory-world.ts";
import { faultOf } from "./shape-world.ts";

const pots = contract("pots", { methods: {} });

function world() {
  const broker = embeddedBroker();
  return async (services: readonly Service<any>[] = [service(pots, { methods: {} })]): Promise<App> => {
    const made = app({ transport: embedded({ broker }), services, log: silent });
    onTestFinished(() => made.stop({ drainMs: 0 }));
    await made.start();
    return made;
  };
}

it("changes come one after the other, and end with the signal", async () => {
  const start = world();
  const listed = await (await start([])).directory();
  const end = new AbortController();
  const changes = listed.changes({ signal: end.signal });
  const one = await start();
  await one.stop();
  const kinds: string[] = [];
  for await (const change of changes) {
    kinds.push(change.kind);
    if (change.kind === "left") end.abort();
  }
  expect(kinds).toEqual(["joined", "changed", "left"]);
  expect((await listed.changes({ signal: end.signal }).next()).done).toBe(true);
});

it("a reader that is far behind is told to look again", async () => {
  const start = world();
  const listed = await (await start([])).directory();
  const all = noted(listed);
  const changes = listed.changes();
  const many = Array.from({ length: 600 }, (_, i) => service(contract(`pots-${i}`, {}), { methods: {} }));
  const one = await start(many);
  await one.stop();
  await vi.waitFor(() => expect(all.filter(({ kind }) => kind === "left")).toHaveLength(600));
  const kinds: string[] = [];
  // 600 joined, 600 began to leave, 600 left.
  for await (const change of changes) {
    kinds.push(change.kind);
    if (change.kind === "resync") {
      expect(change.missed).toBeGreaterThan(1_000);
      break;
    }
  }
  expect(kinds).toEqual(["resync"]);
});

it("an app keeps one directory, and closes it", async () => {
  const start = world();
  const shop = await start();
  const [first, second] = await Promise.all([shop.directory(), shop.directory()]);
  expect(second).toBe(first);
  const reading = first.changes().next();
  await shop.stop();
  expect((await reading).value?.kind ?? "ended").toMatch(/changed|ended/);
  await expect(shop.directory()).rejects.toThrow("stopped");
});

it("a watcher that throws keeps nobody else from being told", async () => {
  const start = world();
  const listed = await (await start([])).directory();
  const kinds: string[] = [];
  listed.watch(() => {
    throw new Error("not now");
  });
  const unwatch = listed.watch(({ kind }) => void kinds.push(kind));
  const changes = listed.changes();
  await start();
  await changes.next();
  unwatch();
  await (await start()).stop();
  expect(kinds).toEqual(["joined"]);
});

it("a fingerprint says what callers and listeners rely on, in whatever order", () => {
  const [text, number] = [z.object({ a: z.string(), b: z.number() }), z.object({ a: z.string() })];
  const first = contract("stock", {
    methods: { take: rpc({ input: text }), give: rpc({ output: number }) },
    events: { sold: text },
  });
  const same = contract("stock", {
    methods: { give: rpc({ output: number, summary: "Gives" }), take: rpc({ input: text, timeoutMs: 5 }) },
    events: { sold: text },
  });
  expect(contractFingerprint(same)).toBe(contractFingerprint(first));
  const others = [
    contract("stock", { methods: { take: rpc({ input: text }) }, events: { sold: text } }),
    contract("stock", {
      methods: { take: rpc({ input: number }), give: rpc({ output: number }) },
      events: { sold: text },
    }),
    contract("stock", {
      methods: { take: rpc({ input: text }), give: rpc({ output: number }) },
      events: { sold: number },
    }),
    contract("stock", {
      methods: { take: rpc({ input: text, idempotent: true }), give: rpc({ output: number }) },
      events: { sold: text },
    }),
    contract("stock", {
      methods: { take: rpc({ input: text, errors: { NO: {} } }), give: rpc({ output: number }) },
      events: { sold: text },
    }),
  ];
  const all = new Set([first, ...others].map(contractFingerprint));
  expect(all.size).toBe(others.length + 1);
  for (const each of all) expect(each).toMatch(/^[0-9a-f]{12}$/);
});

it("a call to an instance that leaves is UNAVAILABLE at once, and what it has is finished", async () => {
  const start = world();
  const jobs = contract("jobs", { methods: { work: rpc({ output: z.string() }) } });
  const [began, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
  const one = await start([
    service(jobs, {
      methods: {
        work: () => {
          began.resolve();
          return finish.promise;
        },
      },
    }),
  ]);
  const client = (await start([])).client(jobs);
  const answer = client.work(undefined, { to: one.instance });
  await began.promise;
  const stopped = one.stop({ drainMs: 10_000 });
  const fault = await faultOf(client.work(undefined, { to: one.instance, timeoutMs: 60_000 }));
  expect(fault).toMatchObject({ code: "UNAVAILABLE" });
  expect(fault.message).toContain("is leaving");
  finish.resolve("done");
  expect(await answer).toBe("done");
  await stopped;
  expect((await faultOf(client.work(undefined, { to: one.instance, timeoutMs: 60_000 }))).message).toContain(
    "is gone",
  );
});
