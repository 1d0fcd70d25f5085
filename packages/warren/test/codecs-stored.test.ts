import { gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  contract,
  conversations,
  deadLetters,
  letterBody,
  names,
  rpc,
  saga,
  service,
  silent,
  type Transport,
} from "../src/index.ts";
import { codecs } from "./codec-values.ts";
import { faultOf } from "./shape-world.ts";
import { type FreshDatabase, freshSqlite } from "./stores.ts";
import { sdk } from "./telemetry-world.ts";

const { messagePack, bson, json } = codecs;
const rich = z.object({
  n: z.bigint(),
  at: z.date(),
  data: z.instanceof(Uint8Array),
  text: z.string().optional(),
});
type Rich = z.infer<typeof rich>;
const value: Rich = { n: 2n ** 60n, at: new Date(1_700_000_000_123), data: Buffer.from("bytes") };

const shop = contract("shop", {
  methods: { sell: rpc({ input: rich, output: rich, errors: { NO: rich }, http: "POST /sell" }) },
  events: { sold: rich, undone: rich },
});
const stock = contract("stock", { methods: { take: rpc({ input: rich }) } });

let database: FreshDatabase;
let transports: () => Transport;

beforeEach(async () => {
  database = await freshSqlite();
  const broker = embeddedBroker();
  transports = () => embedded({ broker });
});

async function start(options: Partial<AppOptions>): Promise<App> {
  const made = app({ transport: transports(), log: silent, ...options });
  onTestFinished(() => made.stop({ drainMs: 200 }));
  await made.start();
  return made;
}

describe.each([messagePack, bson])("$contentType, where something is kept", (codec) => {
  it("a call with a key is answered with what is kept, by the content type that it was kept in", async () => {
    let runs = 0;
    const sells = service(shop, {
      store: database.open(),
      methods: {
        sell(input, { fail }) {
          runs++;
          if (input.text === "no") throw fail.NO(input);
          return input;
        },
      },
    });
    await start({ services: [sells] });
    const asker = await start({ codec });
    for (let time = 0; time < 2; time++) {
      expect(await asker.client(shop).sell(value, { key: "a" })).toEqual(value);
      const no = await faultOf(asker.client(shop).sell({ ...value, text: "no" }, { key: "b" }));
      expect(no).toMatchObject({ code: "NO", data: { ...value, text: "no" } });
    }
    expect(runs).toBe(2);
    const other = await faultOf(asker.client(shop).sell({ ...value, n: 1n }, { key: "a" }));
    expect(other.code).toBe("KEY_REUSED");
    // Whoever comes with another codec gives the same input, and reads the answer as it is.
    const another = await start({ codec: codec === bson ? messagePack : bson });
    expect(await another.client(shop).sell(value, { key: "a" })).toEqual(value);
  });

  it("what is in an outbox is sent as it was written, compressed or not, whatever the app's own codec is", async () => {
    const taken: Rich[] = [];
    const heard: Rich[] = [];
    const large = { ...value, text: "again and again ".repeat(1_000) };
    const seen: (string | undefined)[] = [];
    const listener = transports();
    await listener.declare({
      exchanges: [{ name: names.eventExchange, type: "topic", alternate: names.unheard }],
      queues: [{ name: "seen", type: "classic", lifetime: "connection" }],
      bindings: [{ queue: "seen", exchange: names.eventExchange, key: "#" }],
    });
    await listener.consume(
      "seen",
      ({ contentType, contentEncoding, body }) => {
        seen.push(contentType, contentEncoding);
        const bytes = contentEncoding === undefined ? body : gunzipSync(body);
        expect(codec.decode(bytes)).toMatchObject({ n: value.n });
        return "ack";
      },
      { prefetch: 1 },
    );
    await start({
      compression: { aboveBytes: 1_000 },
      services: [
        service(shop, {
          codec,
          uses: { stock },
          store: database.open(),
          methods: {
            async sell(input, { emit, send, after }) {
              await emit.sold(input);
              await send.stock.take(input);
              await after(1).send.stock.take({ ...input, n: 1n });
              return input;
            },
          },
        }),
        service(stock, { methods: { take: (input) => void taken.push(input) } }),
        service(contract("books", {}), {
          uses: { shop },
          methods: {},
          on: { "shop.sold": { run: (event) => heard.push(event), inOrder: true } },
        }),
      ],
    });
    const asker = await start({ codec });
    for (const each of [value, large]) expect(await asker.client(shop).sell(each)).toEqual(each);
    await vi.waitFor(() => expect(taken).toHaveLength(4));
    expect(taken.filter(({ n }) => n === value.n)).toEqual([value, large]);
    await vi.waitFor(() => expect(heard).toEqual([value, large]));
    expect(seen).toEqual([codec.contentType, undefined, codec.contentType, "gzip"]);
    await listener.close({ drainMs: 0 });
  });

  it("what a reaction has done, and the event that it did it on, come to its undo as they were", async () => {
    const told: unknown[] = [];
    const at = contract("till", {});
    const done = await start({
      codec,
      services: [
        service(shop, { methods: { sell: (input) => input } }),
        service(at, {
          store: database.open(),
          uses: { shop },
          methods: {},
          on: (react) => ({
            "shop.sold": react({
              run: ({ n, at }: Rich) => ({ n: n + 1n, at, odd: Number.NaN }),
              key: ({ text }) => text ?? "",
              undo: { "shop.undone": (_event, { done, original }) => void told.push(done, original) },
            }),
          }),
        }),
      ],
    });
    await done.emit(shop.events.sold, { ...value, text: "k" });
    const store = database.open();
    await store.open();
    await vi.waitFor(async () => {
      const { rows } = await store.query("select state from warren_journal");
      expect(rows).toEqual([{ state: "done" }]);
    });
    await done.emit(shop.events.undone, { ...value, text: "k" });
    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect(told).toEqual([
      { n: value.n + 1n, at: value.at, odd: Number.NaN },
      { ...value, text: "k" },
    ]);
  });

  it("a saga keeps what it is given and what its steps return", async () => {
    const seen: unknown[] = [];
    const selling = saga("selling", { store: database.open(), input: rich })
      .step("first", { do: ({ input }) => ({ n: input.n + 1n, data: input.data }) })
      .step("second", { do: ({ input, done }) => void seen.push(input, done.first) })
      .finish(({ input, done }) => ({ at: input.at, first: done.first }));
    const made = await start({ codec, sagas: [selling] });
    expect(await made.run(selling, value, { id: "a" })).toEqual({
      at: value.at,
      first: { n: value.n + 1n, data: value.data },
    });
    expect(seen).toEqual([value, { n: value.n + 1n, data: value.data }]);
    expect((await made.sagas.show(selling, "a"))?.input).toEqual(value);
  });
});

describe.each([messagePack, bson, json])("a dead letter in $contentType", (codec) => {
  it.each([false, true])(
    "is shown as JSON, changed as JSON, and replayed (compressed: %s)",
    async (compressed) => {
      const text = compressed ? "again and again ".repeat(1_000) : "once";
      const sold = codec === json ? { text } : { ...value, text };
      const tries: unknown[] = [];
      const about = contract("about", { events: { sold: z.any() } });
      const made = await start({
        codec,
        ...(compressed && { compression: { aboveBytes: 1_000 } }),
        services: [
          service(about, {
            methods: {},
            on: {
              "about.sold": {
                retry: { attempts: 1 },
                run(event: { text: string }) {
                  tries.push(event);
                  if (event.text !== "mended") throw new Error("no");
                },
              },
            },
          }),
        ],
      });
      await made.emit(about.events.sold, sold);
      const letters = deadLetters(transports());
      await vi.waitFor(async () => expect((await letters.list()).letters).toHaveLength(1));
      const [letter] = (await letters.list()).letters;
      expect(letter).toMatchObject({
        contentType: codec.contentType,
        contentEncoding: compressed ? "gzip" : undefined,
      });
      const shown = (await letterBody(letter!)) as { json: { text: string; n?: unknown } };
      expect(shown.json).toEqual(
        codec === json
          ? { text }
          : {
              n: { $bigint: String(value.n) },
              at: { $date: value.at.toISOString() },
              data: { $binary: Buffer.from(value.data).toString("base64") },
              text,
            },
      );
      await expect(letters.edit(letter!.id, { body: "{" })).rejects.toMatchObject({ code: "BAD_MESSAGE" });
      await expect(letters.edit(letter!.id, { body: Buffer.from([0xc1]) })).rejects.toMatchObject({
        code: "BAD_MESSAGE",
      });
      const changed = JSON.stringify({ ...shown.json, text: "mended" });
      expect(await letters.edit(letter!.id, { body: changed })).toMatchObject({ done: 1 });
      const [after] = (await letters.list()).letters;
      expect(after).toMatchObject({ contentType: codec.contentType, contentEncoding: undefined });
      expect(codec.decode(after!.body)).toEqual({ ...sold, text: "mended" });
      expect(await letters.replay({ ids: [letter!.id] })).toMatchObject({ done: 1 });
      await vi.waitFor(() => expect(tries).toEqual([sold, { ...sold, text: "mended" }]));
    },
  );
});

it("what waits in an outbox is shown as JSON to those who ask about a conversation", async () => {
  const made = await start({
    codec: bson,
    services: [
      service(shop, {
        uses: { stock },
        store: database.open(),
        methods: {
          async sell(input, { after }) {
            await after(3_600_000).send.stock.take(input);
            return input;
          },
        },
      }),
    ],
  });
  await made.client(shop).sell(value);
  const asked = conversations(transports());
  await vi.waitFor(async () => {
    const { conversations: found } = await asked.list();
    expect(found).toHaveLength(1);
    const shown = JSON.stringify(await asked.show(found[0]!.id, { data: true }));
    expect(shown).toContain("$bigint");
  });
});

it.each([
  ["middleware", {}],
  ["telemetry", { telemetry: sdk().options }],
])("what is around calls hands on what a service's calls are written in: %s", async (_, more) => {
  const taken: Rich[] = [];
  const made = await start({
    ...more,
    outgoing: [(next) => (call) => next({ ...call, options: { ...call.options, timeoutMs: 1_000 } })],
    services: [
      service(shop, {
        codec: messagePack,
        uses: { stock },
        methods: {
          async sell(input, { call }) {
            await call.stock.take(input);
            return input;
          },
        },
      }),
      service(stock, { methods: { take: (input) => void taken.push(input) } }),
    ],
  });
  const asker = await start({ codec: bson });
  expect(await asker.client(shop).sell(value)).toEqual(value);
  expect(taken).toEqual([value]);
  expect((await faultOf(made.client(shop).sell(value))).message).toMatch(
    /n: a bigint cannot be sent as JSON/,
  );
});
