import { Parser } from "@asyncapi/parser";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AnyContract, asyncApi, contract, rpc, type Service, service } from "../src/index.ts";
import { messagePack } from "../src/messagepack/index.ts";

interface Node {
  readonly id: string;
  readonly children: readonly Node[];
}
const node: z.ZodType<Node> = z.lazy(() => z.object({ id: z.string(), children: z.array(node) }));
const money = z.object({ cents: z.int() }).meta({ id: "Money" });

/** What validators can say and documents seldom see. */
const wide = contract("wide-one", {
  methods: {
    tree: rpc({ input: node, output: node }),
    pay: rpc({
      summary: "Pays",
      input: z.object({ price: money, tip: money.optional(), to: z.tuple([z.string(), z.number()]) }),
      errors: {
        POOR: { message: "Too poor", data: z.object({ missing: money }) },
        CLOSED: {},
        "odd code/1": money,
      },
      access: { scopes: ["pay"] },
      timeoutMs: 500,
      idempotent: true,
    }),
    keywords: rpc({
      input: z.object({
        $defs: z.string(),
        definitions: z.object({ id: z.string(), $schema: z.string().default("#/definitions/none") }),
        const: z.literal([1, "two", null]),
      }),
      output: z.record(z.string(), z.union([z.string(), z.array(money).nullable()])),
    }),
    nothing: rpc(),
    unknown: rpc({ input: z.unknown(), output: z.any() }),
    // Nothing in JSON Schema says what these are.
    dates: rpc({ input: z.object({ at: z.date().optional() }), output: z.string().transform(Number) }),
    plain: rpc({
      input: v.object({ id: v.string() }),
      output: toStandardJsonSchema(v.tuple([v.string(), v.null()])),
    }),
    arks: rpc({ input: type({ "limit?": "0 < number < 10", kind: "'a' | 'b'" }), output: type("string[]") }),
  },
  events: {
    // As a queue of calls is called, and a method.
    requests: z.object({ odd: z.string().meta({ id: "a b/c~d" }) }),
    pay: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("card"), price: money }),
      z.strictObject({ kind: z.literal("cash") }),
    ]),
    list: z.array(node),
  },
});
const shop = contract("shop", { events: { closed: z.object({ at: z.iso.datetime() }), open: z.null() } });

const wideService = service(wide, {
  uses: { shop },
  methods: Object.fromEntries(Object.keys(wide.methods).map((name) => [name, () => {}])) as never,
  on: {
    "shop.closed": () => {},
    "shop.open": { to: "every-instance", run: () => {} },
    "wide-one.list": { inOrder: true, run: () => {} },
  },
});

async function problemsOf(of: readonly (Service | AnyContract)[], url?: string) {
  const { document, diagnostics } = await new Parser().parse(JSON.stringify(asyncApi(of, { url })));
  return { document: document!, problems: diagnostics.filter(({ severity }) => severity <= 1) };
}

describe("the AsyncAPI document", () => {
  test.each([
    ["of a service", [wideService as Service]],
    ["of a contract", [wide]],
    ["of several", [wideService as Service, shop]],
    ["of nothing much", [contract("none", {})]],
  ])("%s is valid for the official parser", async (_of, services) => {
    const { problems, document } = await problemsOf(services, "amqp://localhost:5672/market");
    expect(problems.filter(({ code }) => code !== "asyncapi-latest-version")).toEqual([]);
    expect(document.version()).toBe("3.0.0");
  });

  test("says what a service receives, replies and sends", () => {
    const { operations, channels, info } = asyncApi([wideService]) as any;
    expect(info).toEqual({ title: "wide-one", version: "0.0.0" });
    expect(operations["wide-one.pay"]).toMatchObject({
      action: "receive",
      summary: "Pays",
      tags: [{ name: "wide-one" }],
      channel: { $ref: "#/channels/wide-one.requests.queue" },
      messages: [{ $ref: "#/channels/wide-one.requests.queue/messages/wide-one.pay.request" }],
      reply: {
        address: { location: "$message.header#/replyTo" },
        channel: { $ref: "#/channels/wide-one.replies.queue" },
      },
      "x-warren": { timeoutMs: 500, idempotent: true, access: { scopes: ["pay"] } },
    });
    expect(
      operations["wide-one.pay"].reply.messages.map(({ $ref }: { $ref: string }) => $ref.split("/").at(-1)),
    ).toEqual([
      "wide-one.pay.reply",
      "wide-one.pay.fault.POOR",
      "wide-one.pay.fault.CLOSED",
      "wide-one.pay.fault.odd_code_1",
      "fault",
    ]);
    expect(operations["wide-one.pay.emit"].action).toBe("send");
    const heard = Object.entries<any>(operations).filter(([name]) => name.includes(".on."));
    expect(heard.map(([name, { action, "x-warren": more }]) => [name, action, more.queue])).toEqual([
      ["wide-one.on.shop.closed", "receive", "wide-one.events"],
      ["wide-one.on.shop.open", "receive", "wide-one.events.{instance}"],
      ["wide-one.on.wide-one.list", "receive", "wide-one.events.ordered"],
    ]);
    expect(channels["shop.closed.event"]).toMatchObject({
      address: "shop.closed",
      bindings: { amqp: { is: "routingKey", exchange: { name: "warren.events", type: "topic" } } },
    });
  });

  test("describes what is in the messages, each validator's", () => {
    const { components } = asyncApi([wide]) as any;
    const payload = (key: string) => components.messages[key].payload;
    expect(payload("wide-one.pay.request")).toMatchObject({
      properties: {
        price: { $ref: "#/components/schemas/wide-one.pay.request.Money" },
        to: { items: [{ type: "string" }, { type: "number" }] },
      },
      required: ["price", "to"],
    });
    expect(components.schemas["wide-one.pay.request.Money"]).toEqual({
      type: "object",
      properties: { cents: { type: "integer" } },
      required: ["cents"],
    });
    expect(payload("wide-one.pay.fault.POOR").properties).toMatchObject({ code: { const: "POOR" } });
    expect(Object.keys(payload("wide-one.keywords.request").properties)).toEqual([
      "$defs",
      "definitions",
      "const",
    ]);
    expect(payload("wide-one.arks.reply")).toEqual({ type: "array", items: { type: "string" } });
    expect(payload("wide-one.plain.request"), "valibot as it is has no JSON Schema").toEqual({});
    expect(components.messages["wide-one.nothing.reply"]).not.toHaveProperty("payload");
    expect(components.messages["wide-one.pay.event"].headers).toMatchObject({
      properties: {
        cloudEvents_source: { const: "/services/wide-one" },
        cloudEvents_specversion: { const: "1.0" },
      },
      required: ["cloudEvents_specversion", "cloudEvents_source"],
    });
  });

  test("has no reference that leads nowhere", () => {
    const document = asyncApi([wideService, shop]) as any;
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#[^"]*)"/g)].map(([, to]) => to!);
    expect(references.length).toBeGreaterThan(50);
    const leadsTo = (to: string) =>
      to
        .slice(2)
        .split("/")
        .reduce((at, part) => at?.[part], document);
    expect(references.filter((to) => leadsTo(to) === undefined)).toEqual([]);
  });

  test("is the same text for the same services, whatever their order", () => {
    const text = (...of: (Service | AnyContract)[]) => JSON.stringify(asyncApi(of));
    expect(text(shop, wideService as Service)).toBe(text(wideService as Service, wide, shop));
  });

  test("says what a service's events are written in, also to those who listen to them", () => {
    const said = contract("said", { events: { it: z.object({ n: z.bigint() }) } });
    const hears = service(contract("hears", {}), {
      uses: { said },
      methods: {},
      on: { "said.it": () => {} },
    });
    const says = service(said, { methods: {}, codec: messagePack });
    for (const of of [
      [hears, says],
      [says, hears],
    ] as Service[][]) {
      const { components, defaultContentType } = asyncApi(of) as any;
      expect(components.messages["said.it.event"].contentType).toBe("application/msgpack");
      expect(defaultContentType).toBe("application/json");
    }
  });

  test("names the brokers, and no password of theirs", () => {
    const { servers } = asyncApi([shop], { url: "amqp://ada:hunter2@one:5673/shop,amqps://ada:hunter2@two" });
    expect(servers).toEqual({
      rabbitmq: { host: "one:5673", protocol: "amqp", protocolVersion: "0.9.1", pathname: "/shop" },
      "rabbitmq-2": { host: "two", protocol: "amqps", protocolVersion: "0.9.1" },
    });
    expect(() => asyncApi([shop], { url: "http://ada:hunter2@one" })).toThrow(
      /^The address of a broker (?!.*hunter2)/,
    );
  });
});
