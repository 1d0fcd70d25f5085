import { context, type Meter, type MeterProvider, propagation, trace } from "@opentelemetry/api";
import { type Sampler, type SpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { app, service, silent, type TelemetryOptions } from "../src/index.ts";
import { contextWith } from "../src/telemetry/w3c.ts";
import { books, connect, freshBroker, shop, sink } from "./events-world.ts";
import { transports, world } from "./shape-world.ts";
import { sdk, withContexts } from "./telemetry-world.ts";

withContexts();

const thrower = (): never => {
  throw new Error("the SDK is broken");
};
const sampler: Sampler = { shouldSample: thrower, toString: () => "thrower" };
const quiet: SpanProcessor = {
  onStart() {},
  onEnd() {},
  async forceFlush() {},
  async shutdown() {},
};
const { meterProvider } = sdk().options;

/** Instruments that can be made, and throw whenever they are told something. */
function brokenMeters(): MeterProvider {
  const made = meterProvider.getMeter("broken");
  const meter = new Proxy(made, {
    get: (target, name) =>
      name === "createHistogram"
        ? () => ({ record: thrower })
        : (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target),
  });
  return { getMeter: (): Meter => meter };
}

const broken: readonly (readonly [string, TelemetryOptions])[] = [
  ["a sampler", { tracerProvider: new TracerProvider({ sampler }), meterProvider: false }],
  [
    "what is told of a span's beginning",
    { tracerProvider: new TracerProvider({ spanProcessors: [{ ...quiet, onStart: thrower }] }) },
  ],
  [
    "what is told of a span's end",
    { tracerProvider: new TracerProvider({ spanProcessors: [{ ...quiet, onEnd: thrower }] }) },
  ],
  ["an instrument", { tracerProvider: false, meterProvider: brokenMeters() }],
  [
    "an id",
    {
      tracerProvider: new TracerProvider({
        idGenerator: { generateTraceId: thrower, generateSpanId: thrower },
      }),
    },
  ],
];

describe.each(transports)("On %s, an SDK that throws breaks nothing:", (name) => {
  const of = world(name);
  freshBroker(name);

  test.for(broken)("%s, at a call", async ([, telemetry]) => {
    const { start, shape, shapeService } = of();
    const app = await start({ services: [shapeService()], telemetry });
    expect(await app.client(shape).add({ a: 1, b: 2 })).toBe(3);
    await expect(app.client(shape).declared()).rejects.toMatchObject({ code: "GONE" });
  });

  test.for(broken)("%s, at an event", async ([, telemetry]) => {
    const told = sink<number>();
    const selling = service(shop, { methods: { sell: async ({ item }, { emit }) => emit.sold({ item }) } });
    const booking = service(books, {
      uses: { shop },
      methods: {},
      on: { "events-shop.sold": ({ item }) => told.put(item) },
    });
    const made = app({ transport: connect(), services: [selling, booking], log: silent, telemetry });
    onTestFinished(() => made.stop({ drainMs: 200 }));
    await made.start();
    await made.client(shop).sell({ item: 7 });
    expect(await told.until(1)).toEqual([7]);
    await made.stop();
    expect(told.values).toEqual([7]);
  });

  it("and nor does what is thrown that has no text", async () => {
    const { options } = sdk();
    const { start, shape, shapeService } = of();
    const boom = (): never => {
      throw Object.create(null);
    };
    const made = await start({ services: [shapeService({ boom })], telemetry: options });
    await expect(made.client(shape).boom()).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("nor baggage of the application that cannot be written", async () => {
    const { options } = sdk();
    const { start, shape, shapeService } = of();
    const made = await start({ services: [shapeService()], telemetry: options });
    const tracer = options.tracerProvider.getTracer("application");
    const baggage = propagation.createBaggage({ half: { value: "\ud800" }, whole: { value: "1" } });
    const within = trace.setSpan(propagation.setBaggage(context.active(), baggage), tracer.startSpan("x"));
    expect(await context.with(within, () => made.client(shape).add({ a: 1, b: 2 }))).toBe(3);
  });
});

test.for([
  ["as much as a message can hold", 20_000],
  ["as much as a client of the gateway may send", 1_100],
])("baggage of many members, %s, takes no time worth speaking of", ([, members]) => {
  const text = Array.from({ length: members as number }, (_, index) => `a${index}=`).join(",");
  const began = performance.now();
  const from = contextWith(
    { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 },
    { baggage: text },
  );
  expect(performance.now() - began).toBeLessThan(50);
  expect(propagation.getBaggage(from)?.getAllEntries().length ?? 0).toBeLessThanOrEqual(180);
});
