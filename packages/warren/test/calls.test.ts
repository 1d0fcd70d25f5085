import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  app,
  attempt,
  contract,
  type Fault,
  type Logger,
  names,
  rpc,
  type ServiceDefinition,
  service,
  silent,
} from "../src/index.ts";

const shape = contract("shape", {
  methods: {
    echo: rpc({ input: z.any(), output: z.any() }),
    add: rpc({ input: z.object({ a: z.number(), b: z.number() }), output: z.number() }),
    nothing: rpc(),
    declared: rpc({ output: z.string(), errors: { GONE: z.object({ since: z.number() }), SHUT: {} } }),
    boom: rpc({ output: z.string() }),
    lies: rpc({ output: z.object({ n: z.number() }) }),
    slow: rpc({ input: z.object({ tag: z.string() }), output: z.string(), timeoutMs: 5_000 }),
    again: rpc({ output: z.string(), idempotent: true, timeoutMs: 5_000 }),
    secret: rpc({ output: z.string(), access: { scopes: ["read"] } }),
    nested: rpc({ output: z.string() }),
  },
});
const other = contract("other", { methods: { ask: rpc({ output: z.string(), errors: { NO: {} } }) } });

type Handlers = ServiceDefinition<typeof shape, { other: typeof other }>["methods"];
const gate = <T = void>(): { promise: Promise<T>; open: (value: T) => void } => {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, open: resolve };
};

const running: App[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop({ drainMs: 200 });
});

async function start(options: Parameters<typeof app>[0]): Promise<App> {
  const made = app({ log: silent, ...options });
  running.push(made);
  await made.start();
  return made;
}

function shapeService(methods: Partial<Handlers> = {}) {
  const never = (): never => {
    throw new Error("not expected in this test");
  };
  const all: Handlers = {
    echo: (input) => input,
    add: ({ a, b }) => a + b,
    nothing: () => {},
    declared: (_, { fail }) => {
      throw fail.GONE({ since: 7 });
    },
    boom: () => {
      throw new Error("the password is hunter2");
    },
    lies: () => ({ n: "no number" }) as never,
    slow: never,
    again: never,
    secret: (_, { principal }) => principal?.subject ?? "",
    nested: never,
    ...methods,
  };
  return service(shape, { uses: { other }, methods: all });
}

async function faultOf(call: Promise<unknown>): Promise<Fault> {
  const result = await attempt(call as Promise<unknown>);
  if (result.ok) throw new Error(`expected a fault, got ${JSON.stringify(result.value)}`);
  return result.error as Fault;
}

describe("a call", () => {
  it.each([[undefined], [null], [0], [""], [false], [[]], [{ a: { b: "ü€😀" } }], [Number.MAX_SAFE_INTEGER]])(
    "brings %j there and back",
    async (value) => {
      const shop = await start({ transport: embedded(), services: [shapeService()] });
      expect(await shop.client(shape).echo(value)).toEqual(value);
    },
  );

  it("needs no output", async () => {
    const shop = await start({ transport: embedded(), services: [shapeService()] });
    expect(await shop.client(shape).nothing()).toBeUndefined();
  });

  it("is refused before it is sent where the input is wrong, naming each field", async () => {
    const shop = await start({ transport: embedded(), services: [shapeService()] });
    const fault = await faultOf(shop.client(shape).add({ a: "1" } as never));
    expect(fault.code).toBe("INVALID_INPUT");
    expect((fault.data as { issues: { path: string }[] }).issues.map(({ path }) => path)).toEqual(["a", "b"]);
    expect(fault.message).toContain("shape.add");
  });

  it("rejects with the declared fault and its data", async () => {
    const shop = await start({ transport: embedded(), services: [shapeService()] });
    const fault = await faultOf(shop.client(shape).declared());
    expect(fault).toMatchObject({ code: "GONE", data: { since: 7 }, from: "shape" });
  });

  it("rejects with a declared fault that carries no data", async () => {
    const shut = shapeService({
      declared: (_, { fail }) => {
        throw fail.SHUT();
      },
    });
    const shop = await start({ transport: embedded(), services: [shut] });
    expect(await faultOf(shop.client(shape).declared())).toMatchObject({ code: "SHUT", data: undefined });
  });

  it("tells the caller INTERNAL and an error id, and the log the rest", async () => {
    const lines: { data: any; message: string }[] = [];
    const log: Logger = {
      ...silent,
      error: (data, message) => void lines.push({ data, message }),
      child: () => log,
    };
    const shop = await start({ transport: embedded(), services: [shapeService()], log });
    const fault = await faultOf(shop.client(shape).boom());
    expect(fault.code).toBe("INTERNAL");
    expect(JSON.stringify([fault.message, fault.data])).not.toContain("hunter2");
    const { errorId } = fault.data as { errorId: string };
    expect(lines.find(({ data }) => data.errorId === errorId)?.data.err.message).toContain("hunter2");
  });

  it("turns an output that breaks the contract into INTERNAL", async () => {
    const shop = await start({ transport: embedded(), services: [shapeService()] });
    expect((await faultOf(shop.client(shape).lies())).code).toBe("INTERNAL");
  });

  it("of a service that nobody ever declared is UNAVAILABLE at once", async () => {
    const shop = await start({ transport: embedded() });
    const fault = await faultOf(shop.client(shape).add({ a: 1, b: 2 }, { timeoutMs: 60_000 }));
    expect(fault.code).toBe("UNAVAILABLE");
    expect(fault.message).toContain('"shape"');
  });

  it("waits in the queue while the service restarts", async () => {
    const broker = embeddedBroker();
    const first = await start({ transport: embedded({ broker }), services: [shapeService()] });
    const client = await start({ transport: embedded({ broker }) });
    await first.stop();
    const sum = client.client(shape).add({ a: 1, b: 2 }, { timeoutMs: 10_000 });
    await start({ transport: embedded({ broker }), services: [shapeService()] });
    expect(await sum).toBe(3);
  });

  it("fails at once where nobody listens and the caller asks for that", async () => {
    const broker = embeddedBroker();
    const first = await start({ transport: embedded({ broker }), services: [shapeService()] });
    const client = await start({ transport: embedded({ broker }) });
    expect(await client.client(shape).add({ a: 1, b: 2 }, { ifDown: "fail" })).toBe(3);
    await first.stop();
    expect(
      (await faultOf(client.client(shape).add({ a: 1, b: 2 }, { ifDown: "fail", timeoutMs: 60_000 }))).code,
    ).toBe("UNAVAILABLE");
  });

  it("times out at its deadline, and the handler's signal is aborted", async () => {
    const aborted = gate<string>();
    const slow = shapeService({
      slow: (_, { signal }) =>
        new Promise(() => signal.addEventListener("abort", () => aborted.open(signal.reason.code))),
    });
    const shop = await start({ transport: embedded(), services: [slow] });
    const fault = await faultOf(shop.client(shape).slow({ tag: "x" }, { timeoutMs: 60 }));
    expect(fault.code).toBe("TIMEOUT");
    expect(await aborted.promise).toBe("TIMEOUT");
  });

  it("that never returns gives its place free at the deadline", async () => {
    const stuck = service(shape, {
      ...shapeService({ slow: ({ tag }) => (tag === "stuck" ? new Promise(() => {}) : "done") }).definition,
      concurrency: 1,
    });
    const shop = await start({ transport: embedded(), services: [stuck] });
    expect((await faultOf(shop.client(shape).slow({ tag: "stuck" }, { timeoutMs: 50 }))).code).toBe(
      "TIMEOUT",
    );
    expect(await shop.client(shape).slow({ tag: "next" })).toBe("done");
  });

  it("is not run when its deadline is over", async () => {
    const broker = embeddedBroker();
    const ran: string[] = [];
    const tracked = () => shapeService({ slow: ({ tag }) => (ran.push(tag), tag) });
    const first = await start({ transport: embedded({ broker }), services: [tracked()] });
    const client = await start({ transport: embedded({ broker }) });
    await first.stop();
    expect((await faultOf(client.client(shape).slow({ tag: "late" }, { timeoutMs: 40 }))).code).toBe(
      "TIMEOUT",
    );
    await start({ transport: embedded({ broker }), services: [tracked()] });
    expect(await client.client(shape).slow({ tag: "in time" })).toBe("in time");
    expect(ran).toEqual(["in time"]);
  });

  it("with a deadline in the past of a raw message is not run either", async () => {
    const transport = embedded();
    const ran: unknown[] = [];
    const shop = await start({
      transport,
      services: [shapeService({ echo: (input) => (ran.push(input), input) })],
    });
    await transport.publish({
      exchange: "",
      key: names.requests("shape"),
      body: Buffer.from("1"),
      persistent: false,
      mandatory: true,
      type: "shape.echo",
      messageId: "m1",
      headers: { "warren-deadline": 1 },
    });
    expect(await shop.client(shape).echo(2)).toBe(2);
    expect(ran).toEqual([2]);
  });

  it("can be cancelled by its caller", async () => {
    const shop = await start({
      transport: embedded(),
      services: [shapeService({ slow: () => new Promise(() => {}) })],
    });
    const stop = new AbortController();
    const call = shop.client(shape).slow({ tag: "x" }, { signal: stop.signal });
    stop.abort();
    expect((await faultOf(call)).code).toBe("CANCELLED");
  });

  it("beyond the limit of calls in flight is OVERLOADED", async () => {
    const shop = await start({
      transport: embedded(),
      limits: { calls: 1 },
      services: [shapeService({ slow: () => new Promise(() => {}) })],
    });
    const first = faultOf(shop.client(shape).slow({ tag: "1" }, { timeoutMs: 100 }));
    expect(await faultOf(shop.client(shape).add({ a: 1, b: 1 }))).toMatchObject({
      code: "OVERLOADED",
      data: { limit: 1 },
    });
    expect((await first).code).toBe("TIMEOUT");
    expect(await shop.client(shape).add({ a: 1, b: 1 })).toBe(2);
  });

  it("larger than the limit is TOO_LARGE, both ways", async () => {
    const shop = await start({
      transport: embedded(),
      limits: { messageBytes: 1_000 },
      services: [shapeService({ slow: () => "x".repeat(2_000) })],
    });
    expect((await faultOf(shop.client(shape).echo("x".repeat(2_000)))).code).toBe("TOO_LARGE");
    expect((await faultOf(shop.client(shape).slow({ tag: "" }))).code).toBe("INTERNAL");
  });

  it("before start and after stop is refused in words", async () => {
    const shop = app({ transport: embedded(), log: silent });
    expect((await faultOf(shop.client(shape).nothing())).message).toContain("app.start()");
    await shop.start();
    await shop.stop();
    expect((await faultOf(shop.client(shape).nothing())).code).toBe("STOPPED");
  });

  it("is answered by whichever instance is free", async () => {
    const broker = embeddedBroker();
    const hold = gate();
    const busy = service(shape, {
      ...shapeService({ slow: async () => (await hold.promise, "busy") }).definition,
      concurrency: 1,
    });
    await start({ transport: embedded({ broker }), services: [busy] });
    const client = await start({ transport: embedded({ broker }) });
    const first = client.client(shape).slow({ tag: "1" });
    await start({ transport: embedded({ broker }), services: [shapeService({ slow: () => "free" })] });
    const answers = await Promise.all(
      [1, 2, 3].map(() =>
        client
          .client(shape)
          .slow({ tag: "2" }, { timeoutMs: 3_000 })
          .catch(() => "late"),
      ),
    );
    hold.open();
    expect(answers.filter((answer) => answer === "free").length).toBeGreaterThanOrEqual(2);
    expect(await first).toBe("busy");
  });

  it("goes to one instance by id, and is UNAVAILABLE where that is gone", async () => {
    const broker = embeddedBroker();
    const [a, b] = [gate(), gate()].map((_, i) => ({
      transport: embedded({ broker }),
      services: [shapeService({ slow: () => `instance ${i}` })],
    }));
    const [first, second] = [await start(a!), await start(b!)];
    const client = (await start({ transport: embedded({ broker }) })).client(shape);
    expect(await client.slow({ tag: "" }, { to: first.instance })).toBe("instance 0");
    expect(await client.slow({ tag: "" }, { to: second.instance })).toBe("instance 1");
    await second.stop();
    expect((await faultOf(client.slow({ tag: "" }, { to: second.instance, timeoutMs: 60_000 }))).code).toBe(
      "UNAVAILABLE",
    );
  });

  it("goes to every instance and collects the answers, faults among them", async () => {
    const broker = embeddedBroker();
    const good = await start({
      transport: embedded({ broker }),
      services: [shapeService({ declared: () => "fine" })],
    });
    const bad = await start({ transport: embedded({ broker }), services: [shapeService()] });
    const client = await start({ transport: embedded({ broker }) });
    const answers = await client.every(shape).declared(undefined, { expect: 2 });
    expect(answers.find(({ instance }) => instance === good.instance)).toMatchObject({
      ok: true,
      value: "fine",
    });
    expect(answers.find(({ instance }) => instance === bad.instance)).toMatchObject({
      ok: false,
      error: { code: "GONE" },
    });
    expect(await client.every(shape).declared(undefined, { timeoutMs: 60 })).toHaveLength(2);
    expect(await client.every(other).ask()).toEqual([]);
  });

  it("carries the principal, and is refused without one or without its scope", async () => {
    const shop = await start({ transport: embedded(), services: [shapeService()] });
    const { secret } = shop.client(shape);
    expect((await faultOf(secret())).code).toBe("UNAUTHENTICATED");
    expect(await faultOf(secret(undefined, { principal: { subject: "ada", scopes: [] } }))).toMatchObject({
      code: "FORBIDDEN",
      data: { missing: ["read"] },
    });
    expect(await secret(undefined, { principal: { subject: "ada", scopes: ["read"] } })).toBe("ada");
  });
});

describe("a call made by a handler", () => {
  const asking = (ask: () => string | Promise<string>) => service(other, { methods: { ask } });

  it("carries conversation, principal and the remaining time", async () => {
    const seen: unknown[] = [];
    const deep = service(other, {
      methods: {
        ask: (_, context) => (
          seen.push(context.conversation, context.principal?.subject, context.deadline), "ok"
        ),
      },
    });
    const outer: unknown[] = [];
    const outerService = shapeService({
      nested: async (_, { call, conversation, deadline }) => {
        outer.push(conversation, "ada", deadline);
        return call.other.ask(undefined, { timeoutMs: 60_000 });
      },
    });
    const shop = await start({ transport: embedded(), services: [outerService, deep] });
    await shop
      .client(shape)
      .nested(undefined, { principal: { subject: "ada", scopes: [] }, timeoutMs: 1_000 });
    expect(seen).toEqual(outer);
  });

  it("that fails inside the dependency is INTERNAL to the outer caller, not the dependency's fault", async () => {
    const refusing = service(other, {
      methods: {
        ask: (_, { fail }) => {
          throw fail.NO();
        },
      },
    });
    const shop = await start({
      transport: embedded(),
      services: [shapeService({ nested: (_, { call }) => call.other.ask() }), refusing],
    });
    expect((await faultOf(shop.client(shape).nested())).code).toBe("INTERNAL");
  });

  it("to a dependency that is not there is UNAVAILABLE to the outer caller too", async () => {
    const shop = await start({
      transport: embedded(),
      services: [shapeService({ nested: (_, { call }) => call.other.ask() })],
    });
    expect((await faultOf(shop.client(shape).nested())).code).toBe("UNAVAILABLE");
  });

  it("works through two services", async () => {
    const shop = await start({
      transport: embedded(),
      services: [shapeService({ nested: (_, { call }) => call.other.ask() }), asking(() => "deep")],
    });
    expect(await shop.client(shape).nested()).toBe("deep");
  });
});

describe("when an instance dies midway", () => {
  it("an idempotent call is taken by another, any other has an unknown outcome", async () => {
    const broker = embeddedBroker();
    const entered: string[] = [];
    const both = gate();
    const enter = (name: string): Promise<string> => {
      entered.push(name);
      if (entered.length === 2) both.open();
      return new Promise(() => {});
    };
    const dyingTransport = embedded({ broker });
    const dying = await start({
      transport: dyingTransport,
      services: [shapeService({ again: () => enter("again"), slow: () => enter("slow") })],
    });
    const client = (await start({ transport: embedded({ broker }) })).client(shape);
    const again = client.again();
    const slow = faultOf(client.slow({ tag: "" }));
    await both.promise;
    await start({
      transport: embedded({ broker }),
      services: [shapeService({ again: () => "second", slow: () => "twice" })],
    });
    await dyingTransport.close({ drainMs: 0 });
    expect(await again).toBe("second");
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
    await dying.stop({ drainMs: 0 });
  });
});

describe("when the caller's connection is cut", () => {
  it("an idempotent call is sent again, any other has an unknown outcome", async () => {
    const broker = embeddedBroker();
    const runs: string[] = [];
    const [entered, hold] = [gate(), gate()];
    const serving = shapeService({
      again: async () => {
        runs.push("again");
        if (runs.length === 1) {
          entered.open();
          await hold.promise;
        }
        return "answered";
      },
      slow: () => new Promise(() => {}),
    });
    await start({ transport: embedded({ broker }), services: [serving] });
    const transport = embedded({ broker });
    const client = (await start({ transport })).client(shape);
    const again = client.again();
    const slow = faultOf(client.slow({ tag: "" }));
    await entered.promise;
    broker.cut(transport);
    hold.open();
    expect((await slow).code).toBe("UNKNOWN_OUTCOME");
    expect(await again).toBe("answered");
    expect(runs).toEqual(["again", "again"]);
  });
});

describe("bad messages on the request queue", () => {
  async function raw(body: string, properties: object = {}) {
    const broker = embeddedBroker();
    const transport = embedded({ broker });
    const shop = await start({ transport: embedded({ broker }), services: [shapeService()] });
    const answered = gate<{ fault: unknown; text: string }>();
    const replies = await transport.replies((reply) =>
      answered.open({ fault: reply.headers?.["warren-fault"], text: Buffer.from(reply.body).toString() }),
    );
    const base = {
      exchange: "",
      key: names.requests("shape"),
      body: Buffer.from(body),
      persistent: false,
      mandatory: true,
      messageId: "m",
    };
    return {
      transport,
      shop,
      answered: answered.promise,
      send: (more: object = {}) =>
        transport.publish({ ...base, replyTo: replies.address, ...properties, ...more }),
    };
  }

  it("garbage bytes are answered with BAD_MESSAGE", async () => {
    const { send, answered } = await raw("\u0000{garbage", { type: "shape.echo" });
    await send();
    expect((await answered).fault).toBe("BAD_MESSAGE");
  });

  it("a key that would change a prototype is refused", async () => {
    const { send, answered } = await raw('{"__proto__":{"admin":true}}', { type: "shape.echo" });
    await send();
    expect((await answered).fault).toBe("BAD_MESSAGE");
  });

  it.each(["shape.unknown", "shape.constructor", "shape.__proto__", "toString", ""])(
    "the unknown method %j is answered with UNKNOWN_METHOD",
    async (type) => {
      const { send, answered } = await raw("1", { type });
      await send();
      expect((await answered).fault).toBe("UNKNOWN_METHOD");
    },
  );

  it("a wrong input is answered with INVALID_INPUT naming the field", async () => {
    const { send, answered } = await raw('{"a":1}', { type: "shape.add" });
    await send();
    expect(await answered).toMatchObject({
      fault: "INVALID_INPUT",
      text: expect.stringContaining('"path":"b"'),
    });
  });

  it("a forged principal is answered with BAD_MESSAGE", async () => {
    const { send, answered } = await raw("1", { type: "shape.secret", headers: { "warren-principal": "{" } });
    await send();
    expect((await answered).fault).toBe("BAD_MESSAGE");
  });

  it("without a reply address becomes a dead letter with the reason, and is not left unacknowledged", async () => {
    const { send, transport, shop } = await raw("garbage", { type: "shape.echo" });
    const dead = gate<{ headers: any; text: string }>();
    await transport.consume(
      names.dead("shape"),
      (message) => (
        dead.open({ headers: message.headers, text: Buffer.from(message.body).toString() }), "ack"
      ),
      { prefetch: 1 },
    );
    await send({ replyTo: undefined });
    expect(await dead.promise).toMatchObject({
      headers: { "warren-reason": "undecodable", "warren-queue": "shape.requests" },
      text: "garbage",
    });
    expect(await shop.client(shape).add({ a: 1, b: 2 })).toBe(3);
  });

  it("a reply for nobody, or with no id, is dropped and does no harm", async () => {
    const broker = embeddedBroker();
    const raw = embedded({ broker });
    const queue = names.requests("other");
    await raw.declare({ queues: [{ name: queue, type: "classic", lifetime: "durable" }] });
    await raw.consume(
      queue,
      async ({ replyTo, messageId }) => {
        const reply = { exchange: "", key: replyTo!, persistent: false, mandatory: false };
        for (const correlationId of [undefined, "nobody", "constructor"])
          await raw.publish({ ...reply, body: Buffer.from("\u0000"), correlationId });
        await raw.publish({ ...reply, body: Buffer.from('"right"'), correlationId: messageId });
        return "ack" as const;
      },
      { prefetch: 1 },
    );
    const shop = await start({ transport: embedded({ broker }) });
    expect(await shop.client(other).ask()).toBe("right");
    await raw.close({ drainMs: 100 });
  });

  it("a reply that cannot be decoded, or breaks the contract, is BAD_REPLY", async () => {
    const broker = embeddedBroker();
    const raw = embedded({ broker });
    const queue = names.requests("other");
    const bodies = ["\u0000", "7"];
    await raw.declare({ queues: [{ name: queue, type: "classic", lifetime: "durable" }] });
    const answer = ({
      replyTo,
      messageId,
    }: {
      replyTo?: string | undefined;
      messageId?: string | undefined;
    }) =>
      raw.publish({
        exchange: "",
        key: replyTo!,
        persistent: false,
        mandatory: true,
        body: Buffer.from(bodies.shift()!),
        correlationId: messageId,
      });
    await raw.consume(queue, async (message) => (await answer(message), "ack" as const), { prefetch: 1 });
    const shop = await start({ transport: embedded({ broker }) });
    expect((await faultOf(shop.client(other).ask())).code).toBe("BAD_REPLY");
    expect((await faultOf(shop.client(other).ask())).code).toBe("BAD_REPLY");
    await raw.close({ drainMs: 100 });
  });
});
