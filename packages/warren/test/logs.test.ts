import { fastify } from "fastify";
import { describe, expect, it, test } from "vitest";
import { type PlainOptions, plainLogger } from "../src/logs/index.ts";

/** A logger, and the lines it has written. */
function book(options: PlainOptions = {}, env: NodeJS.ProcessEnv = {}) {
  const lines: string[] = [];
  const log = plainLogger(options, { write: (line) => void lines.push(line) }, env);
  return { log, lines, told: () => lines.map((line) => JSON.parse(line) as Record<string, any>) };
}

describe("secrets", () => {
  test.for([
    "password",
    "dbPassword",
    "PASSWD",
    "client_secret",
    "accessToken",
    "refresh-token",
    "Authorization",
    "proxy-authorization",
    "cookie",
    "Set-Cookie",
    "apiKey",
    "API_KEY",
    "x-api-key",
    "credentials",
    "jwt",
    "privateKey",
    "private_key",
    "pass",
    "sessionId",
  ])("are not written where the field is named %s, at any depth", (name) => {
    const { log, lines } = book();
    log.info({ [name]: "hunter2", headers: [{ [name]: { in: ["hunter2"] } }] }, "x");
    log.child({ [name]: "hunter2" }).info({}, "x");
    log.error({ err: Object.assign(new Error("x"), { data: { [name]: "hunter2" } }) }, "x");
    log.info({ map: new Map([[name, "hunter2"]]), headers: new Headers({ "x-token": "hunter2" }) }, "x");
    expect(lines).toHaveLength(4);
    expect(lines.join("")).not.toContain("hunter2");
  });

  it("leaves fields that only look like it, and whether there is a secret", () => {
    const { log, told } = book();
    const data = {
      author: "ann",
      passed: 3,
      key: "order-1",
      hasPassword: true,
      token: null,
      path: "/auth/x",
    };
    log.info(data, "x");
    expect(told()[0]).toMatchObject(data);
  });

  test.for([
    ["amqp://bob:hunter2@rabbit:5672/shop", "amqp://[redacted]@rabbit:5672/shop"],
    ["postgres://bob:hun/ter2?#@db:5432/shop", "postgres://[redacted]@db:5432/shop"],
    ['amqp://bob:hun"ter2\\@rabbit', "amqp://[redacted]@rabbit"],
    ["amqp://bob:p@hunter2@rabbit", "amqp://[redacted]@rabbit"],
    ["https://bob:hunter2@shop.example/a", "https://[redacted]@shop.example/a"],
    ["https://shop.example/users/ann@example.org", "https://shop.example/users/ann@example.org"],
    ["Bearer hunter2hunter2hunter2", "Bearer [redacted]"],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2_sig", "[redacted]"],
    ["GET /a?access_token=hunter2&b=1", "GET /a?access_token=[redacted]&b=1"],
    ["host=db password=hunter2 user=bob", "host=db password=[redacted] user=bob"],
  ] as const)("are not written within a text: %s", ([given, written]) => {
    const { log, told, lines } = book();
    const error = new Error(`cannot reach ${given}`, { cause: new Error(given) });
    log.error({ err: error, where: given, list: [given] }, `failed: ${given}`);
    log.child({ where: given }).info({}, "x");
    if (given !== written) expect(lines.join("")).not.toContain("hunter2");
    const [line] = told();
    expect(line).toMatchObject({ msg: `failed: ${written}`, where: written, list: [written] });
    expect(line!.err).toMatchObject({ message: `cannot reach ${written}`, cause: { message: written } });
    expect(line!.err.stack).toContain(written);
  });

  const inJson = JSON.stringify({ user: "bob", password: 'hun"ter2\\', n: 1 });
  test.for([
    ["JSON", inJson, '"n":1'],
    ["JSON in JSON", JSON.stringify({ body: JSON.stringify({ apiKey: "hunter2", n: 1 }) }), "n"],
    ["JSON with spaces", 'got {"client_secret" : "hunter2", "n": 1}', '"n": 1'],
    ["what inspect writes", "{ password: 'hunter2', n: 1 }", "n: 1"],
    ["a line of YAML", "user: bob\npassword: hunter2\nn: 1", "n: 1"],
    ["a header", "Authorization: Basic hunter2", "Authorization: "],
    ["another header", "X-Api-Key: hunter2\r\nAccept: */*", "Accept: */*"],
    ["a cookie", "Cookie: a=hunter2; b=hunter2", "Cookie: "],
    ["a quoted setting of libpq", "host=db password='hunter2 hunter2' user=bob", "user=bob"],
    ["a connection string", 'Server=x;Pwd=hunter2;Password="hunter2";User=bob', "User=bob"],
    ["a signed address", "https://s3/x?X-Amz-Signature=hunter2&n=1", "n=1"],
    ["a key", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "END"],
    ["a URL that is cut", `${"x".repeat(7_980)}amqp://bob:hunter2hunter2hunter2@h`, "xxx"],
    ["the entries of headers", [["authorization", "hunter2"]] as unknown as string, "authorization"],
    ["a list of headers", [{ name: "cookie", value: "hunter2" }] as unknown as string, "cookie"],
  ] as const)("are not written within %s, and what is beside them is", ([, given, beside]) => {
    const { log, lines, told } = book();
    const error = Object.assign(new Error(typeof given === "string" ? given : "x", { cause: given }), {
      body: given,
    });
    log.info({ given }, "x");
    log.error({ err: error }, typeof given === "string" ? given : "x");
    expect(lines.join("")).not.toContain("hunter2");
    if (given === inJson) expect(lines.join("")).not.toContain("ter2");
    expect(JSON.stringify(told()[0]!.given)).toContain(JSON.stringify(beside).slice(1, -1));
  });

  it("leaves lines of JSON what they are, whatever is in them", () => {
    const { log, told } = book();
    const parts = [
      '"',
      "\\",
      "'",
      "password",
      ":",
      "=",
      " ",
      "{",
      "\n",
      "token",
      "a",
      "Cookie: ",
      "[redacted]",
    ];
    let seed = 7;
    const next = (): string => {
      seed = (seed * 48_271) % 2_147_483_647;
      return parts[seed % parts.length]!;
    };
    const texts = Array.from({ length: 5_000 }, () => Array.from({ length: 12 }, next).join(""));
    for (const text of texts) log.info({ [text]: text, token: null, hasPassword: true, n: 1 }, text);
    expect(told().every((line) => line.token === null && line.hasPassword === true && line.n === 1)).toBe(
      true,
    );
  });

  it("takes further fields, by name or by path", () => {
    const { log, told } = book({ redact: ["iban", "card.number", "patient.*"] });
    log.info(
      { IBAN: 1, number: 2, cards: [{ card: { number: 3, name: "x" } }], patient: { a: 1, b: {} } },
      "x",
    );
    expect(told()[0]).toMatchObject({
      IBAN: "[redacted]",
      number: 2,
      cards: [{ card: { number: "[redacted]", name: "x" } }],
      patient: { a: "[redacted]", b: "[redacted]" },
    });
    expect(() => book({ redact: ["a[0].b"] })).toThrow('`redact` has "a[0].b": it is a name');
  });

  it("costs no more than in proportion to the text, whatever the text", () => {
    const { log } = book();
    const started = performance.now();
    for (const text of [
      "://",
      "a://",
      "bearer ",
      "eyJaaaaa.",
      "token",
      "a-",
      "://\\@",
      "=",
      "password= ",
      'password: "',
      "token:",
      '{"token":"\\',
      "a-b=",
      "cookie: ",
    ])
      for (const end of ["", "@", "="])
        log.info(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [i, text.repeat(2_000) + end])), "x");
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});

describe("what is logged never throws, and never fills the disk", () => {
  const circular: Record<string, unknown> = { a: 1 };
  circular.self = [circular];
  const deep = (levels: number): object => (levels === 0 ? {} : { deeper: deep(levels - 1) });
  const thrower = (): never => {
    throw new Error("never seen");
  };
  const traps = { ownKeys: thrower, get: thrower, getPrototypeOf: thrower, has: thrower };
  it("not for a placeholder and what has no text either", () => {
    const { log, told } = book();
    const traps = { get: thrower, getPrototypeOf: thrower };
    for (const value of [{ toString: 1 }, new Proxy(thrower, traps), Symbol("s"), Object.create(null)])
      log.info("told %s %d %o", value, value, value);
    expect(told()).toHaveLength(4);
    for (const { msg } of told()) expect(msg).toContain("told");
  });

  test.for<[string, unknown]>([
    ["a cycle", circular],
    ["a thousand levels", deep(1_000)],
    ["a getter that throws", Object.defineProperty({}, "err", { get: thrower, enumerable: true })],
    [
      "getters of what pino looks for",
      {
        get method() {
          return thrower();
        },
        get msg() {
          return thrower();
        },
      },
    ],
    ["a proxy that throws", new Proxy({}, traps)],
    ["a toJSON that throws", { toJSON: thrower }],
    ["an error without anything", Object.create(Error.prototype)],
    ["an error with a stack that throws", Object.defineProperty(new Error("x"), "stack", { get: thrower })],
    ["a million items", Array.from({ length: 1_000_000 }, (_, at) => at)],
    [
      "a hundred thousand fields",
      Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`f${at}`, at])),
    ],
    ["a text of ten megabytes", "x".repeat(10 ** 7)],
    ["many long texts", Array.from({ length: 100 }, () => ({ a: "x".repeat(10_000) }))],
    ["a long name", { ["n".repeat(10 ** 6)]: 1 }],
    ["an error of ten megabytes", new Error("x".repeat(10 ** 7))],
    ["bytes", { bytes: Buffer.alloc(10 ** 7), view: new DataView(new ArrayBuffer(8)) }],
    ["what JSON does not know", [1n, Symbol("x"), () => {}, Number.NaN, new Date(Number.NaN), undefined]],
    [
      "names of JavaScript's own",
      JSON.parse('{"__proto__": {"a": 1}, "hasOwnProperty": 1, "constructor": 2}'),
    ],
    ["nothing", null],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
  ])("%s", ([, value]) => {
    const { log, lines, told } = book();
    log.info({ value }, "within");
    log.info(value as object, "by itself");
    log.error({ err: value }, "as an error");
    log.info(String(value === null || typeof value !== "string" ? "x" : value));
    log.child({ value }).info({}, "of a child");
    if (typeof value === "object" && value !== null) log.child(value).info({}, "as a child");
    expect(told().length).toBe(lines.length);
    expect(lines.length).toBeGreaterThanOrEqual(5);
    for (const line of lines) expect(line.length).toBeLessThan(100_000);
  });

  it("tells an error with its data and its causes, and as the message where there is none", () => {
    const { log, told } = book();
    const cause = new TypeError("inner");
    log.error(
      Object.assign(new Error("outer", { cause }), { code: "E_OUT", data: { left: 3 } }) as object,
      "x",
    );
    log.error({ err: cause } as object, undefined as unknown as string);
    expect(told()).toMatchObject([
      {
        err: {
          type: "Error",
          message: "outer",
          code: "E_OUT",
          data: { left: 3 },
          cause: { type: "TypeError" },
        },
      },
      { err: { message: "inner" }, msg: "inner" },
    ]);
  });
});

it("serves Fastify, whose serializers see requests as they are", async () => {
  const { log, told, lines } = book();
  const server = fastify({ loggerInstance: log });
  server.get("/a", async (request) => {
    request.log.info({ authorization: request.headers.authorization }, "seen");
    return {};
  });
  await server.inject({ url: "/a?token=hunter2", headers: { authorization: "hunter2" } });
  await server.close();
  expect(told().map(({ msg }) => msg)).toEqual(["incoming request", "seen", "request completed"]);
  expect(told()[0]!.req).toMatchObject({ method: "GET", url: "/a?token=[redacted]" });
  expect(told()[2]!.res).toMatchObject({ statusCode: 200 });
  expect(lines.join("")).not.toContain("hunter2");
  const thrower = {
    serializers: {
      odd: () => {
        throw new Error("x");
      },
    },
  };
  log.child({}, thrower).info(
    {
      odd: 1,
      get other() {
        throw new Error("x");
      },
    },
    "odd",
  );
  expect(told()[3]).toMatchObject({ odd: "[unreadable]", other: "[unreadable]" });
});

describe("levels", () => {
  it("are those of the service whose line it is, whoever writes it", () => {
    const { log, told } = book({ level: "info", levels: { stock: "debug", orders: "error" } });
    for (const service of ["stock", "orders", "mail"]) {
      const own = log.child({ service }).child({ operation: "x" });
      own.debug({}, `${service} debug`);
      own.warn({}, `${service} warn`);
      log.warn({ service }, `of ${service}`);
    }
    expect(told().map(({ msg }) => msg)).toEqual([
      "stock debug",
      "stock warn",
      "of stock",
      "mail warn",
      "of mail",
    ]);
  });

  it("come from the environment, where the code does not say", () => {
    const env = { LOG_LEVEL: "WARN", LOG_LEVELS: "stock=debug, orders=silent" };
    const { log, told } = book({ levels: { orders: "info" } }, env);
    log.info({}, "general");
    log.child({ service: "stock" }).debug({}, "stock");
    log.child({ service: "orders" }).info({}, "orders");
    expect(told().map(({ msg }) => msg)).toEqual(["stock", "orders"]);
    expect(book({ level: "error" }, env).log.level).toBe("error");
  });

  test.for([
    [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL is "loud"; a level is one of trace, debug'],
    [{ LOG_LEVELS: "stock=loud" }, 'LOG_LEVELS is "loud"'],
    [{ LOG_LEVELS: "stock" }, 'LOG_LEVELS has "stock": it is a list such as'],
    [{ LOG_LEVELS: "=info" }, 'LOG_LEVELS has "=info"'],
  ] as const)("that are none are refused: %j", ([env, says]) => {
    expect(() => book({}, env)).toThrow(says);
  });
});
