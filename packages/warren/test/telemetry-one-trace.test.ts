import { propagation, SpanKind } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { httpServer } from "../src/gateway/index.ts";
import {
  type App,
  type AppOptions,
  app,
  contract,
  randomId,
  rpc,
  type Service,
  service,
  silent,
  systemRandom,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { type TransportName, transports } from "./shape-world.ts";
import { freshSqlite } from "./stores.ts";
import { sdk, withContexts } from "./telemetry-world.ts";

withContexts();

const parent = { trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7" };
const traceparent = `00-${parent.trace}-${parent.span}-01`;

describe.each(transports)("One trace on %s", (name) => {
  it("leads from an HTTP request through a call, an outbox, a retry and an event to an undo", async () => {
    const { options, spans } = sdk();
    const { gate, shop, mail, books } = await system(name, { telemetry: options });
    const answer = await gate.inject({
      method: "POST",
      url: "/orders",
      payload: { id: "o1" },
      headers: { traceparent, tracestate: "vendor=1", baggage: "tenant=blue" },
    });
    expect(answer.statusCode).toBe(200);
    await vi.waitFor(() => expect(of(spans(), `process ${books}.events`)).toHaveLength(2));
    const all = spans();
    expect(new Set(all.map((span) => span.spanContext().traceId))).toEqual(new Set([parent.trace]));

    const [http] = of(all, "POST /orders");
    expect(http).toMatchObject({ kind: SpanKind.SERVER, parentSpanContext: { spanId: parent.span } });
    expect(http!.spanContext().traceState?.serialize()).toBe("vendor=1");
    const [call] = of(all, `send ${shop}.requests`);
    expect(parentOf(call)).toBe(idOf(http));
    const [handled] = of(all, `process ${shop}.requests`);
    expect(parentOf(handled)).toBe(idOf(call));
    const [placed] = of(all, `publish warren.events:${shop}.placed`);
    expect(placed).toMatchObject({ kind: SpanKind.PRODUCER });
    expect(parentOf(placed)).toBe(idOf(handled));

    const tries = of(all, `process ${mail}.events`);
    expect(tries).toHaveLength(2);
    expect(tries.map(parentOf)).toEqual([idOf(placed), idOf(placed)]);
    expect(tries.map(({ attributes }) => attributes["warren.attempt"])).toEqual([undefined, 2]);
    expect(tries[0]!.links).toEqual([]);
    expect(tries[1]!.links.map(({ context }) => context.spanId)).toEqual([idOf(tries[0])]);
    const [refused] = of(all, `publish warren.events:${mail}.refused`);
    expect(parentOf(refused)).toBe(idOf(tries[1]));

    const onPlaced = all.filter((span) => span.attributes["warren.operation"] === `${shop}.placed`);
    const [booked] = of(onPlaced, `process ${books}.events`);
    expect(parentOf(booked)).toBe(idOf(placed));
    const [undone] = of(all, `process ${books}.events`).filter((span) => span !== booked);
    expect(parentOf(undone)).toBe(idOf(refused));
  });

  it("begins anew where the header of a request is none, and hands its baggage on bounded", async () => {
    const { options, spans } = sdk();
    const heard: (string | undefined)[] = [];
    const { gate, shop } = await system(name, { telemetry: options }, () =>
      heard.push(propagation.getActiveBaggage()?.getEntry("tenant")?.value),
    );
    const ask = (headers: Record<string, string>) =>
      gate.inject({ method: "POST", url: "/orders", payload: { id: "o1" }, headers });
    await ask({ traceparent: "00-nonsense-01", baggage: "tenant=blue" });
    await ask({
      traceparent: `00-${"0".repeat(32)}-${parent.span}-01`,
      baggage: `tenant=${"b".repeat(9_000)}`,
    });
    expect(heard).toEqual(["blue", undefined]);
    await vi.waitFor(() => expect(of(spans(), "POST /orders")).toHaveLength(2));
    expect(of(spans(), "POST /orders").map(parentOf)).toEqual([undefined, undefined]);
    const [one, other] = of(spans(), `process ${shop}.requests`);
    expect(one!.spanContext().traceId).not.toBe(other!.spanContext().traceId);
  });
});

function of(spans: readonly ReadableSpan[], name: string): ReadableSpan[] {
  return spans.filter((span) => span.name === name);
}

function idOf(span: ReadableSpan | undefined): string | undefined {
  return span?.spanContext().spanId;
}

function parentOf(span: ReadableSpan | undefined): string | undefined {
  return span?.parentSpanContext?.spanId;
}

/** A gateway, a shop with a store, a mail service that fails once, and books that undo. Each is a process of its own. */
async function system(
  transport: TransportName,
  options: Partial<AppOptions>,
  ordered: () => void = () => {},
) {
  const suffix = randomId(systemRandom, 8);
  const order = z.object({ id: z.string() });
  const shop = contract(`shop-${suffix}`, {
    methods: { order: rpc({ http: "POST /orders", input: order, output: order }) },
    events: { placed: order },
  });
  const mail = contract(`mail-${suffix}`, { events: { refused: order } });
  const books = contract(`books-${suffix}`, {});
  let failures = 1;
  const shopService = service(shop, {
    store: (await freshSqlite()).open(),
    methods: {
      async order(input, { emit }) {
        ordered();
        await emit.placed(input);
        return input;
      },
    },
  });
  const mailService = service(mail, {
    uses: { shop },
    methods: {},
    retry: { baseMs: 20 },
    on: {
      [`${shop.name}.placed`]: async (event: { id: string }, { emit }: any) => {
        if (failures-- > 0) throw new Error("the mail server is away");
        await emit.refused(event);
      },
    } as never,
  });
  const bookService = service(books, {
    uses: { shop, mail },
    store: (await freshSqlite()).open(),
    methods: {},
    on: {
      [`${shop.name}.placed`]: {
        key: ({ id }: { id: string }) => id,
        run: () => "booked",
        undo: { [`${mail.name}.refused`]: () => undefined },
      },
    } as never,
  });
  const broker = embeddedBroker();
  const start = async (services: readonly Service<any>[], more: Partial<AppOptions> = {}): Promise<App> => {
    const made = app({
      transport: transport === "embedded" ? embedded({ broker }) : rabbitmq(amqpUrl()),
      log: silent,
      services,
      ...options,
      ...more,
    });
    onTestFinished(() => made.stop({ drainMs: 200 }));
    await made.start();
    return made;
  };
  await start([bookService]);
  await start([mailService]);
  await start([shopService]);
  const edge = await start([], { contracts: [shop] });
  const gate = await httpServer(edge);
  onTestFinished(() => gate.close());
  return { gate, shop: shop.name, mail: mail.name, books: books.name };
}
