import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { httpServer, type PushOptions, push, type ServerOptions } from "../src/gateway/index.ts";
import { type AppOptions, app, type Clock, type Principal, silent, systemClock } from "../src/index.ts";
import { auth, probe, recorder, secret, token, type World, world } from "./gateway-world.ts";

const { sold } = probe.events;
const toSeller = push(sold, {
  name: "notification",
  to: (event) => event.sellerId,
  as: ({ name }) => ({ text: `${name} was sold!` }),
});

const worlds: World[] = [];
afterEach(async () => {
  for (const one of worlds.splice(0)) await one[Symbol.asyncDispose]();
});

async function pushing(
  options: Partial<PushOptions> = {},
  others: Partial<ServerOptions> = {},
  parts: Partial<AppOptions> = {},
): Promise<{ readonly edge: World; readonly http: string; readonly ws: string }> {
  const edge = await world({ auth, push: { events: [toSeller], ...options }, ...others }, parts);
  worlds.push(edge);
  const http = await edge.listen();
  return { edge, http: `${http}/push`, ws: `${http.replace("http", "ws")}/push` };
}

/** A client that keeps what it is told. */
function client(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers });
  const inbox: unknown[] = [];
  const waiting: ((message: unknown) => void)[] = [];
  socket.on("message", (data: Buffer) => {
    const message: unknown = JSON.parse(data.toString());
    const next = waiting.shift();
    if (next) next(message);
    else inbox.push(message);
  });
  const failed = new Promise<string>((resolve) => socket.on("error", (error) => resolve(error.message)));
  const opened = new Promise<void>((resolve) => socket.on("open", () => resolve()));
  const closed = new Promise<number>((resolve) => socket.on("close", (code) => resolve(code)));
  return {
    socket,
    inbox,
    opened,
    closed,
    failed,
    next: () =>
      new Promise<unknown>((resolve) => (inbox.length > 0 ? resolve(inbox.shift()) : waiting.push(resolve))),
    async say(message: unknown) {
      await opened;
      socket.send(
        typeof message === "string" || message instanceof Uint8Array ? message : JSON.stringify(message),
      );
    },
  };
}

const heartbeatMs = 12_345;

/** Time that passes, and heartbeats that come, when a test says so. */
function steppedClock(beatMs: number) {
  const beats: (() => void)[] = [];
  let offsetMs = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + offsetMs,
    after(delayMs, run) {
      if (delayMs !== beatMs) return systemClock.after(delayMs, run);
      beats.push(run);
      return { cancel: () => void beats.splice(beats.indexOf(run), 1) };
    },
  };
  return {
    clock,
    passHours: (hours: number) => {
      offsetMs += hours * 3_600_000;
    },
    beat: () => beats.shift()!(),
  };
}

/** Events of a stream, comments aside. */
async function* streamed(answer: Response): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    yield* blocks.filter((block) => !block.startsWith(":"));
  }
}

const authorized = (subject: string): object => ({ event: "authorized", data: { subject } });
const told = (text: string): object => ({ event: "notification", data: { text } });

describe("over WebSocket", () => {
  test("a client that authorises with its first message is told what is for it, and nothing else", async () => {
    const { edge, ws } = await pushing();
    const [ann, bob] = [client(ws), client(ws)];
    await ann.say({ event: "authorize", data: { token: await token({ sub: "ann" }) } });
    await bob.say({ event: "authorize", data: { token: await token({ sub: "bob" }) } });
    expect([await ann.next(), await bob.next()]).toEqual([authorized("ann"), authorized("bob")]);
    await edge.app.emit(sold, { sellerId: "ann", name: "Item #1" });
    await edge.app.emit(sold, { sellerId: "bob", name: "Item #2" });
    expect([await ann.next(), await bob.next()]).toEqual([
      told("Item #1 was sold!"),
      told("Item #2 was sold!"),
    ]);
  });

  test("a client may authorise with a header at the upgrade", async () => {
    const { edge, ws } = await pushing();
    const ann = client(ws, { authorization: `Bearer ${await token()}` });
    expect(await ann.next()).toEqual(authorized("ann"));
    await edge.app.emit(sold, { sellerId: "ann", name: "It" });
    expect(await ann.next()).toEqual(told("It was sold!"));
  });

  test("whoever a client claims to be is not believed", async () => {
    const { ws } = await pushing();
    const liar = client(ws);
    await liar.say({ event: "authorize", data: { userId: "ann" } });
    expect(await liar.next()).toMatchObject({
      event: "error",
      data: { status: 401, code: "UNAUTHENTICATED" },
    });
    expect(await liar.closed).toBe(4401);
    const mixed = client(ws);
    await mixed.say({ event: "authorize", data: { userId: "ann", token: await token({ sub: "bob" }) } });
    expect(await mixed.next()).toEqual(authorized("bob"));
  });

  test("a token that is not good is refused: in a message with 4401, at the upgrade with 401", async () => {
    const { ws } = await pushing();
    const forged = await token({}, "1h", secret.replace("a", "b"));
    const late = client(ws);
    await late.say({ event: "authorize", data: { token: forged } });
    expect(await late.next()).toMatchObject({
      event: "error",
      data: { code: "UNAUTHENTICATED", detail: "The token is not valid." },
    });
    expect(await late.closed).toBe(4401);
    expect(await client(ws, { authorization: `Bearer ${forged}` }).failed).toContain("401");
  });

  test("whoever never says who it is is sent away", async () => {
    const { ws } = await pushing({ authorizeWithinMs: 30 });
    expect(await client(ws).closed).toBe(4401);
  });

  test("garbage gets an error message, and the connection lives on", async () => {
    const { ws } = await pushing();
    const ann = client(ws);
    const wrong = [
      "{broken",
      "",
      "null",
      "[]",
      '{"event":{"toString":1}}',
      '{"__proto__":{"event":"authorize"}}',
      { event: "unknown" },
      new Uint8Array([1, 2, 3]),
    ];
    for (const message of wrong) {
      await ann.say(message);
      expect(await ann.next()).toMatchObject({ event: "error", data: { status: 400, code: "BAD_REQUEST" } });
    }
    await ann.say("x".repeat(20_000));
    expect(await ann.next()).toMatchObject({ event: "error", data: { status: 413, code: "TOO_LARGE" } });
    await ann.say({ event: "authorize", data: { token: await token() } });
    expect(await ann.next()).toEqual(authorized("ann"));
  });

  test("a message far too long ends the connection, and twenty mistakes do", async () => {
    const { ws } = await pushing();
    const loud = client(ws);
    await loud.say("x".repeat(200_000));
    expect(await loud.closed).toBe(1009);
    const silly = client(ws);
    for (let i = 0; i < 20; i++) await silly.say("?");
    expect(await silly.closed).toBe(1008);
  });

  test("a page of another origin cannot connect, one of the same or a listed origin can", async () => {
    const { ws } = await pushing({}, { cors: ["https://shop.test"] });
    const authorization = `Bearer ${await token()}`;
    expect(await client(ws, { origin: "https://evil.test", authorization }).failed).toContain("403");
    for (const origin of ["https://shop.test", new URL(ws.replace("ws", "http")).origin])
      expect(await client(ws, { origin, authorization }).next()).toEqual(authorized("ann"));
  });

  test("when a token expires, so does the connection", async () => {
    const { clock, passHours, beat } = steppedClock(heartbeatMs);
    const { edge, ws } = await pushing({ heartbeatMs }, {}, { clock });
    const [ann, bob] = [await token(), await token({ sub: "bob" })].map((good) =>
      client(ws, { authorization: `Bearer ${good}` }),
    );
    await Promise.all([ann!.next(), bob!.next()]);
    passHours(2);
    // Before the next heartbeat notices it, nothing is told to one whose token is over.
    await edge.app.emit(sold, { sellerId: "ann", name: "Item #1" });
    expect([await ann!.closed, ann!.inbox]).toEqual([4401, []]);
    expect(bob!.socket.readyState).toBe(WebSocket.OPEN);
    beat();
    expect(await bob!.closed).toBe(4401);
  });

  test("a client that answers no ping is cut off", async () => {
    const { ws } = await pushing({ heartbeatMs: 20 });
    const ann = client(ws, { authorization: `Bearer ${await token()}` });
    await ann.opened;
    ann.socket.pong = () => {};
    expect(await ann.closed).toBe(1006);
  });

  test("a client that reads too slowly is cut off with 1013", async () => {
    const log = recorder();
    const { edge, ws } = await pushing({ maxBufferedBytes: 64 * 1024 }, {}, { log });
    const ann = client(ws, { authorization: `Bearer ${await token()}` });
    await ann.next();
    ann.socket.pause();
    const name = "x".repeat(60_000);
    while (!log.lines.some((line) => line.includes('"why":"slow"'))) {
      await edge.app.emit(sold, { sellerId: "ann", name });
      await setImmediate();
    }
    ann.socket.resume();
    expect(await ann.closed).toBe(1013);
  });

  test("beyond the connections there is room for, a client is refused", async () => {
    const { http, ws } = await pushing({ maxConnections: 1 });
    const authorization = `Bearer ${await token()}`;
    const ann = client(ws, { authorization });
    await ann.next();
    expect(await client(ws, { authorization }).failed).toContain("503");
    expect((await fetch(http, { headers: { authorization } })).status).toBe(503);
    ann.socket.close();
    await ann.closed;
    await expect
      .poll(async () => {
        const answer = await fetch(http, { headers: { authorization } });
        await answer.body?.cancel();
        return answer.status;
      })
      .toBe(200);
  });

  test("closing the server tells clients that it goes", async () => {
    const { edge, http, ws } = await pushing();
    const authorization = `Bearer ${await token()}`;
    const ann = client(ws, { authorization });
    const stream = await fetch(http, { headers: { authorization } });
    await ann.next();
    await edge.server.close();
    expect(await ann.closed).toBe(1001);
    expect(await streamed(stream).next()).toEqual({ done: true, value: undefined });
  });
});

describe("over server-sent events", () => {
  test("a client is told what is for it, and nothing else", async () => {
    const { edge, http } = await pushing();
    const answer = await fetch(http, { headers: { authorization: `Bearer ${await token()}` } });
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    await edge.app.emit(sold, { sellerId: "bob", name: "Not hers" });
    await edge.app.emit(sold, { sellerId: "ann", name: "Two\nlines" });
    const { value } = await streamed(answer).next();
    expect(value).toBe('event: notification\ndata: {"text":"Two\\nlines was sold!"}');
  });

  test("nobody in particular is a 401, and so is a bad token", async () => {
    const { http } = await pushing();
    const statuses = [
      await fetch(http),
      await fetch(http, { headers: { authorization: "Bearer x.y.z" } }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401]);
  });

  test("a session may stand in for a token where it is told how", async () => {
    const principal = (content: unknown): Principal => ({ subject: String(content), scopes: [] });
    const { edge, http } = await pushing({}, { session: { secrets: [secret], principal } });
    expect((await fetch(http, { headers: { cookie: "session=ann" } })).status).toBe(401);
    const login = await edge.server.inject({ method: "POST", url: "/login", payload: { user: "ann" } });
    const cookie = String(login.headers["set-cookie"]).split(";", 1)[0]!;
    const stream = await fetch(http, { headers: { cookie } });
    await edge.app.emit(sold, { sellerId: "ann", name: "It" });
    expect((await streamed(stream).next()).value).toContain("It was sold!");
    expect((await edge.server.inject({ url: "/mine", headers: { cookie } })).json()).toMatchObject({
      subject: "ann",
    });
  });
});

test("whoever may see an event is decided per client", async () => {
  const staff = push(sold, { when: ({ scopes }) => scopes.includes("staff") });
  const { edge, ws } = await pushing({ events: [toSeller, staff] });
  const ann = client(ws, { authorization: `Bearer ${await token({ scope: "staff" })}` });
  const bob = client(ws, { authorization: `Bearer ${await token({ sub: "bob" })}` });
  await Promise.all([ann.next(), bob.next()]);
  await edge.app.emit(sold, { sellerId: "bob", name: "It" });
  expect([await ann.next(), await bob.next()]).toEqual([
    { event: "probe.sold", data: { sellerId: "bob", name: "It" } },
    told("It was sold!"),
  ]);
});

test("push without any way to know callers is refused", async () => {
  await using quiet = app({ transport: (await import("../src/embedded/index.ts")).embedded(), log: silent });
  await expect(
    httpServer(quiet, { push: { events: [toSeller] } }).then((server) => server.ready()),
  ).rejects.toThrow(/give the gateway `auth`/);
});
