import { Validator } from "@seriousme/openapi-schema-validator";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openApi } from "../src/gateway/index.ts";
import { contract, rpc, service } from "../src/index.ts";
import { auth, probe, secret, world, worldOf } from "./gateway-world.ts";

interface Node {
  readonly id: string;
  readonly children: readonly Node[];
}
const node: z.ZodType<Node> = z.lazy(() => z.object({ id: z.string(), children: z.array(node) }));
const money = z.object({ cents: z.number().int() }).meta({ id: "Money" });

const catalog = contract("catalog", {
  methods: {
    find: rpc({
      summary: "Finds items",
      http: {
        route: "GET /items/:kind",
        headers: { language: "accept-language" },
        cookies: { cart: "cart" },
      },
      input: z.object({
        kind: z.string(),
        max: z.number().optional(),
        language: z.string().optional(),
        cart: z.string().optional(),
      }),
      output: z.array(z.object({ id: z.number().int(), price: money })),
    }),
    add: rpc({
      http: { route: "POST /items/:kind", reply: { status: 201, headers: { location: "/items/{id}" } } },
      input: z.object({ kind: z.string(), price: money, note: z.string().optional() }),
      output: z.object({ id: z.number() }),
      errors: {
        FULL: { status: 409, data: z.object({ max: z.number() }) },
        CLOSED: { status: 409 },
        ODD: z.object({ price: money }),
      },
      access: { scopes: ["write"] },
    }),
    tree: rpc({ http: "PUT /tree", input: node, output: node }),
    image: rpc({
      http: {
        route: "PUT /image",
        body: "data",
        reply: { body: "text", headers: { "content-type": "text/plain" } },
      },
      input: z.object({ data: z.array(z.number()) }),
      output: z.object({ text: z.string() }),
    }),
    numbers: rpc({ http: "POST /numbers", input: z.array(z.number()), output: z.number() }),
    remove: rpc({
      http: "DELETE /items/:kind",
      input: z.object({ kind: z.string(), force: z.boolean().optional() }),
    }),
    when: rpc({ http: "GET /when", input: z.object({ since: z.date().optional() }), output: z.string() }),
    plain: rpc({ http: "POST /plain/:id", input: v.object({ id: v.string() }), output: v.string() }),
    arks: rpc({ http: "GET /arks", input: type({ "limit?": "number" }), output: type("string[]") }),
  },
});

describe("the OpenAPI document", () => {
  const document = openApi([catalog, probe], {
    title: "Catalog",
    version: "1.2.3",
    prefix: "/api",
    sessionCookie: "session",
  });
  const operation = (path: string, verb: string) => document.paths[path]![verb]!;

  test("is valid OpenAPI 3.1, and every reference in it leads somewhere", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as never);
    expect([errors, valid, validator.version]).toEqual([undefined, true, "3.1"]);
    const text = JSON.stringify(document);
    expect(text).not.toMatch(/"\$(defs|schema)"/);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(10);
    expect(references.filter((name) => !Object.hasOwn(document.components.schemas, name!))).toEqual([]);
  });

  test("says where each field of the input comes from", () => {
    const { parameters, requestBody, summary, tags } = operation("/items/{kind}", "get");
    expect(parameters?.map((one) => `${one.in} ${one.name}${one.required ? "!" : ""}`)).toEqual([
      "path kind!",
      "header accept-language",
      "cookie cart",
      "query max",
    ]);
    expect([requestBody, summary, tags]).toEqual([undefined, "Finds items", ["catalog"]]);
    const add = operation("/items/{kind}", "post").requestBody;
    expect(add?.required).toBe(true);
    expect(Object.keys(add?.content ?? {})).toEqual([
      "application/json",
      "application/x-www-form-urlencoded",
    ]);
    expect(add?.content["application/json"]?.schema).toMatchObject({
      required: ["price"],
      properties: { note: { type: "string" } },
    });
    expect(operation("/image", "put").requestBody?.content).toEqual({
      "application/json": { schema: { type: "array", items: { type: "number" } } },
    });
    expect(operation("/numbers", "post").requestBody?.content["application/json"]?.schema).toMatchObject({
      type: "array",
    });
    expect(
      operation("/items/{kind}", "delete").parameters?.map(({ in: where, name }) => `${where} ${name}`),
    ).toEqual(["path kind", "query force", "header Idempotency-Key"]);
  });

  test("says what can come back, faults included", () => {
    const { responses, security } = operation("/items/{kind}", "post");
    expect(Object.keys(responses)).toEqual(["201", "401", "403", "409", "422", "default"]);
    expect(responses["409"]?.description).toBe("FULL, CLOSED");
    expect(responses["422"]?.description).toBe("ODD, INVALID_INPUT");
    expect(responses["201"]?.headers).toEqual({ location: { schema: { type: "string" } } });
    expect(security).toEqual([{ token: ["write"] }]);
    expect(operation("/image", "put").responses["200"]?.content).toEqual({
      "text/plain": { schema: { type: "string" } },
    });
    expect(operation("/items/{kind}", "delete").responses["204"]).toEqual({ description: "No Content" });
  });

  test("names what cannot be described", () => {
    expect(operation("/when", "get").parameters?.[0]).toEqual({
      name: "since",
      in: "query",
      required: false,
      schema: {},
    });
    expect(operation("/plain/{id}", "post").parameters?.[0]).toEqual({
      name: "id",
      in: "path",
      required: true,
      schema: {},
    });
    expect(operation("/arks", "get").parameters?.[0]).toMatchObject({
      name: "limit",
      in: "query",
      schema: { type: "number" },
    });
  });
});

describe("the reference page", () => {
  test("is served with everything it needs, and needs nothing from elsewhere", async () => {
    await using edge = await world({ auth, docs: { title: "Probe" } });
    const page = await edge.server.inject("/docs");
    expect([page.statusCode, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(page.body).toContain("<title>Probe</title>");
    const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    expect(assets.length).toBeGreaterThan(4);
    for (const asset of assets) {
      expect(asset).toMatch(/^\.?\/(docs|static)/);
      expect((await edge.server.inject(asset.replace(/^\./, "/docs"))).statusCode).toBe(200);
    }
    // The browser is told to load nothing from anywhere else, whatever the page's scripts may want.
    expect(page.headers["content-security-policy"]).toMatch(
      /default-src 'none'; script-src 'self';.*connect-src 'self'/,
    );
    const { body: script } = await edge.server.inject("/docs/static/swagger-initializer.js");
    expect(script, "which document the page shows").toMatch(/"?urls"?: ?\[.*"\/openapi\.json"/);
  });

  test("works under a prefix", async () => {
    await using edge = await world({ auth, prefix: "/api" });
    const page = await edge.server.inject("/api/docs");
    const asset = /src="([^"]+)"/.exec(page.body)?.[1] ?? "";
    expect(asset).toMatch(/^\/api\/docs\/static/);
    expect((await edge.server.inject(asset)).statusCode).toBe(200);
    expect((await edge.server.inject("/api/openapi.json")).json()).toMatchObject({
      servers: [{ url: "/api" }],
    });
    expect((await edge.server.inject("/api/who")).statusCode).toBe(200);
  });

  test("is not there where it is not wanted", async () => {
    await using edge = await world({ auth, docs: false });
    expect([
      (await edge.server.inject("/docs")).statusCode,
      (await edge.server.inject("/openapi.json")).statusCode,
    ]).toEqual([404, 404]);
  });
});

test.each([
  [
    "zod",
    z.object({
      n: z.number(),
      on: z.boolean(),
      tags: z.array(z.number()),
      either: z.union([z.number(), z.boolean()]),
      level: z.literal([1, 2]),
      maybe: z.number().nullable(),
      text: z.union([z.string(), z.number()]),
    }),
  ],
  [
    "arktype",
    type({
      n: "number",
      on: "boolean",
      tags: "number[]",
      either: "number | boolean",
      level: "1 | 2",
      maybe: "number | null",
      text: "string | number",
    }),
  ],
  [
    "valibot",
    toStandardJsonSchema(
      v.object({
        n: v.number(),
        on: v.boolean(),
        tags: v.array(v.number()),
        either: v.union([v.number(), v.boolean()]),
        level: v.picklist([1, 2]),
        maybe: v.nullable(v.number()),
        text: v.union([v.string(), v.number()]),
      }),
    ),
  ],
])("text becomes what the schema asks for, with %s", async (_vendor, input) => {
  const types = contract("types", {
    methods: {
      get: rpc({ http: "GET /", input: input as z.ZodType<Record<string, unknown>>, output: z.unknown() }),
    },
  });
  await using edge = await worldOf(service(types, { methods: { get: (fields) => fields } }), {
    session: { secrets: [secret] },
  });
  const { body } = await edge.server.inject("/?n=1.5&on=true&tags=1&either=false&level=2&maybe=3&text=12");
  expect(JSON.parse(body)).toEqual({
    n: 1.5,
    on: true,
    tags: [1],
    either: false,
    level: 2,
    maybe: 3,
    text: "12",
  });
});
