import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import {
  type AppOptions,
  app,
  contract,
  deadLetters,
  randomId,
  rpc,
  saga,
  service,
  silent,
  systemRandom,
} from "../src/index.ts";
import { transports, world } from "./shape-world.ts";
import { freshSqlite } from "./stores.ts";
import { sdk, withContexts } from "./telemetry-world.ts";

withContexts();

const idOf = (span: ReadableSpan | undefined): string | undefined => span?.spanContext().spanId;
const linksOf = (span: ReadableSpan | undefined): string[] =>
  span?.links.map(({ context }) => context.spanId) ?? [];

describe.each(transports)("Traces on %s", (name) => {
  const of = world(name);

  const run = async (options: Partial<AppOptions>) => {
    const made = app({ transport: of().connect(), log: silent, ...options });
    onTestFinished(() => made.stop({ drainMs: 200 }));
    await made.start();
    return made;
  };

  it("link tries in place, in order as well, and a replayed dead letter to what gave it up", async () => {
    const { options, spans } = sdk();
    const suffix = randomId(systemRandom, 8);
    const shop = contract(`shop-${suffix}`, { events: { sold: z.number() } });
    const books = contract(`books-${suffix}`, {});
    let failures = 2;
    const booking = service(books, {
      uses: { shop },
      methods: {},
      retry: { attempts: 2, baseMs: 1 },
      on: {
        [`${shop.name}.sold`]: {
          inOrder: true,
          run() {
            if (failures-- > 0) throw new Error("no ink");
          },
        },
      } as never,
    });
    const made = await run({ services: [booking], contracts: [shop], telemetry: options });
    await made.emit(shop.events.sold, 1 as never);
    const transport = of().connect();
    onTestFinished(() => transport.close({ drainMs: 100 }));
    await transport.declare({});
    const letters = deadLetters(transport);
    await vi.waitFor(async () => expect((await letters.replay({ services: [books.name] })).done).toBe(1));
    const tries = () => spans().filter((span) => span.name === `process ${books.name}.events.ordered`);
    await vi.waitFor(() => expect(tries()).toHaveLength(3));
    const [first, second, replayed] = tries();
    expect(linksOf(first)).toEqual([]);
    expect(linksOf(second)).toEqual([idOf(first)]);
    expect(linksOf(replayed)).toEqual([idOf(second)]);
    expect(new Set(tries().map((span) => span.parentSpanContext?.spanId)).size).toBe(1);
    expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it("follow a saga from what began it through its steps and their undo, which link what failed", async () => {
    const { options, spans } = sdk();
    const suffix = randomId(systemRandom, 8);
    const store = (await freshSqlite()).open();
    const desk = contract(`desk-${suffix}`, { methods: { book: rpc({ input: z.string() }) } });
    const trip = saga(`trip-${suffix}`, { input: z.string(), store })
      .step("hotel", { do: () => "room", undo: () => {} })
      .step("flight", {
        retry: { attempts: 1 },
        do: () => {
          throw new Error("sold out");
        },
      })
      .finish(() => undefined);
    const booking = service(desk, {
      store,
      methods: { book: (id, { begin }) => begin(trip as never, id as never, { id }) },
    });
    const made = await run({ services: [booking], sagas: [trip as never], telemetry: options });
    await made.client(desk).book("t1");
    const span = (label: string): ReadableSpan | undefined => spans().find((each) => each.name === label);
    await vi.waitFor(() => expect(span(`undo trip-${suffix}.hotel`)).toBeDefined());
    const [hotel, flight] = [span(`run trip-${suffix}.hotel`), span(`run trip-${suffix}.flight`)];
    const handled = span(`process ${desk.name}.requests`);
    expect(hotel?.parentSpanContext?.spanId).toBe(idOf(handled));
    expect(flight?.parentSpanContext?.spanId).toBe(idOf(handled));
    expect(linksOf(span(`undo trip-${suffix}.hotel`))).toEqual([idOf(hotel), idOf(flight)]);
    expect(new Set(spans().map((each) => each.spanContext().traceId)).size).toBe(1);
  });

  it("are made of nothing that its sender did not sample, and hand its header on as it is", async () => {
    const { options, spans, values } = sdk();
    const { start, shape, shapeService } = of();
    const logged: object[] = [];
    const log = { ...silent, info: () => {}, child: (data: object) => (logged.push(data), log) };
    const shapes = shapeService({ echo: (_, context) => void context.log });
    const served = await start({ services: [shapes], telemetry: options, log });
    const unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    const { context, trace, ROOT_CONTEXT } = await import("@opentelemetry/api");
    const [, traceId, spanId] = unsampled.split("-");
    const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId: traceId!, spanId: spanId!, traceFlags: 0 });
    await context.with(parent, () => served.client(shape).echo(1));
    expect(spans()).toEqual([]);
    expect(logged).toContainEqual(expect.objectContaining({ trace_id: traceId, span_id: spanId }));
    expect(await values("rpc.client.call.duration")).toHaveLength(1);
  });
});
