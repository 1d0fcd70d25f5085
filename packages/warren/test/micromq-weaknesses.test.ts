// What went wrong in the framework that many teams come from, row by row; the rows about HTTP are in the gateway's tests.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { app, contract, names, rpc, service, silent } from "../src/index.ts";
import { sqlite } from "../src/sqlite/index.ts";
import { faultOf, gate, transports, type World, world } from "./shape-world.ts";

describe.each(transports)("micromq's weaknesses, on %s", (transport) => {
  const w = world(transport);

  it("row 3: a handler that throws is answered and acknowledged, and the process goes on", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    expect((await faultOf(shop.client(w().shape).boom())).code).toBe("INTERNAL");
    expect(await shop.client(w().shape).add({ a: 1, b: 2 })).toBe(3);
    await shop.stop();
    expect(await waiting(w())).toBe(0);
  });

  it("row 3: a handler that throws what is no error is answered too", async () => {
    const odd = w().shapeService({
      slow: () => {
        throw undefined;
      },
      again: () => Promise.reject("a string"),
    });
    const shop = await w().start({ services: [odd] });
    expect((await faultOf(shop.client(w().shape).slow({ tag: "" }))).code).toBe("INTERNAL");
    expect((await faultOf(shop.client(w().shape).again())).code).toBe("INTERNAL");
  });

  it("row 5: null, 0, an empty string, false and nothing are answers", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    for (const value of [null, 0, "", false, undefined])
      expect(await shop.client(w().shape).echo(value)).toBe(value);
  });

  it("row 7: two apps of one process, and so of one process id, get each their own replies", async () => {
    await w().start({ services: [w().shapeService()] });
    const clients = [(await w().start()).client(w().shape), (await w().start()).client(w().shape)] as const;
    const asked = Array.from({ length: 200 }, (_, i) => i);
    const answers = await Promise.all(asked.map((i) => clients[i % 2]!.echo(i)));
    expect(answers).toEqual(asked);
  });

  it("row 8: an answer that looks like an instruction is data", async () => {
    const shop = await w().start({ services: [w().shapeService()] });
    const hostile = {
      server: { action: "boom", meta: { admin: true } },
      "warren-fault": "INTERNAL",
      code: "INTERNAL",
    };
    expect(await shop.client(w().shape).echo(hostile)).toEqual(hostile);
  });

  it("rows 10 and 11: a call ends at its deadline, and is not run afterwards", async () => {
    const ran: string[] = [];
    const tracked = (): ReturnType<World["shapeService"]> =>
      w().shapeService({
        slow: ({ tag }) => {
          ran.push(tag);
          return tag;
        },
      });
    const first = await w().start({ services: [tracked()] });
    const client = (await w().start()).client(w().shape);
    await first.stop();
    expect((await faultOf(client.slow({ tag: "bought twice" }, { timeoutMs: 50 }))).code).toBe("TIMEOUT");
    await w().start({ services: [tracked()] });
    expect(await client.slow({ tag: "bought once" })).toBe("bought once");
    expect(ran).toEqual(["bought once"]);
  });

  it("row 14: calls and apps started at the same moment do not race each other", async () => {
    const [server, ...callers] = await Promise.all([
      w().start({ services: [w().shapeService()] }),
      ...[1, 2, 3].map(() => w().start()),
    ]);
    expect((await server.health()).ready).toBe(true);
    const sums = await Promise.all(
      callers.flatMap((each) => [1, 2, 3].map((a) => each.client(w().shape).add({ a, b: 1 }))),
    );
    expect(sums).toEqual([2, 3, 4, 2, 3, 4, 2, 3, 4]);
  });

  it("row 15: an app that is stopped finishes what runs, and its caller gets the answer", async () => {
    const [entered, hold] = [gate(), gate()];
    const slow = w().shapeService({
      slow: async () => {
        entered.open();
        await hold.promise;
        return "finished";
      },
    });
    const server = await w().start({ services: [slow] });
    const client = (await w().start()).client(w().shape);
    const call = client.slow({ tag: "" });
    await entered.promise;
    const stopped = server.stop({ drainMs: 5_000 });
    expect(await server.health()).toMatchObject({ ready: false, reason: "the app is stopping" });
    hold.open();
    expect(await call).toBe("finished");
    await stopped;
    expect(await waiting(w())).toBe(0);
  });

  it("row 11: a purchase that is repeated with its key after no answer came in time is made once", async () => {
    const store = sqlite();
    const shop = contract(`${w().shape.name}-shop`, { methods: { buy: rpc({ output: z.number() }) } });
    const [entered, hold] = [gate(), gate()];
    let tries = 0;
    const selling = service(shop, {
      store,
      methods: {
        async buy(_, { db }) {
          const { rows } = await db.query<{ bought: number }>(
            "update purchases set n = n + 1 returning n as bought",
          );
          if (++tries === 1) {
            entered.open();
            await hold.promise;
          }
          return rows[0]!.bought;
        },
      },
    });
    await store.open();
    await store.query("create table purchases (n bigint not null)");
    await store.query("insert into purchases (n) values (0)");
    await using server = app({ transport: w().connect(), services: [selling], log: silent });
    await server.start();
    const { buy } = server.client(shop);
    const impatient = buy(undefined, { key: "order 7", signal: AbortSignal.timeout(50) });
    await entered.promise;
    await expect(impatient).rejects.toMatchObject({ code: "CANCELLED" });
    hold.open();
    for (let i = 0; i < 3; i++) expect(await buy(undefined, { key: "order 7" })).toBe(1);
    expect(tries).toBe(1);
  });

  it("row 15: one instance works on no more than its concurrency at once", async () => {
    const hold = gate();
    let [now, most] = [0, 0];
    const counted = service(w().other, {
      concurrency: 3,
      methods: {
        ask: async () => {
          now += 1;
          most = Math.max(most, now);
          if (now === 3) hold.open();
          await hold.promise;
          now -= 1;
          return "done";
        },
      },
    });
    await using server = app({ transport: w().connect(), services: [counted], log: silent });
    await server.start();
    await Promise.all(Array.from({ length: 20 }, () => server.client(w().other).ask()));
    expect(most).toBe(3);
  });
});

/** How many requests nobody has taken or acknowledged. */
async function waiting(w: World): Promise<number | undefined> {
  const transport = w.connect();
  const queue = await transport.inspect(names.requests(w.shape.name));
  await transport.close({ drainMs: 0 });
  return queue?.messages;
}
