import { metrics } from "@opentelemetry/api";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import { app, contract, counter, gauge, histogram, names, service, silent } from "../src/index.ts";
import { transports, world } from "./shape-world.ts";
import { type Sdk, sdk } from "./telemetry-world.ts";

/** The one value that has these labels. */
async function theValue(from: Sdk, name: string, labels: Record<string, unknown>): Promise<unknown> {
  const found = (await from.values(name)).filter(({ attributes }) =>
    Object.entries(labels).every(([label, value]) => attributes[label] === value),
  );
  return found.length === 1 ? found[0]!.value : found;
}

describe.each(transports)("Metrics on %s", (name) => {
  const of = world(name);

  it("count calls by method and outcome on both sides, under OpenTelemetry's names and the seed's", async () => {
    const from = sdk();
    const { start, shape, shapeService } = of();
    const app = await start({ services: [shapeService()], telemetry: from.options });
    await app.client(shape).add({ a: 1, b: 2 });
    await app.client(shape).add({ a: 1, b: 3 });
    await app
      .client(shape)
      .declared()
      .catch(() => undefined);
    await app
      .client(shape)
      .boom()
      .catch(() => undefined);
    const [operation, service] = [`${shape.name}.add`, shape.name];
    const queue = names.requests(service);
    expect(await theValue(from, "rpc.client.call.duration", { "rpc.method": operation })).toBe(2);
    const failed = { "rpc.method": `${service}.declared`, "error.type": "GONE" };
    expect(await theValue(from, "rpc.client.call.duration", failed)).toBe(1);
    const internal = {
      "messaging.destination.name": queue,
      operation: `${service}.boom`,
      "error.type": "INTERNAL",
    };
    await vi.waitFor(async () =>
      expect(await theValue(from, "messaging.process.duration", internal)).toBe(1),
    );
    expect(await theValue(from, "messaging.process.duration", { operation })).toBe(2);
    expect(await theValue(from, "messaging.client.consumed.messages", { operation, service })).toBe(2);
    expect(await theValue(from, "messaging.client.sent.messages", { operation })).toBe(2);
    const worker = `worker-${service}`;
    const received = (type: string, of = worker) =>
      theValue(from, "microservices_messages_received_total", { service: of, type });
    const sent = (type: string, of = worker) =>
      theValue(from, "microservices_messages_sent_total", { service: of, type });
    expect(await received("job_request")).toBe(4);
    expect(await received("job_activated")).toBe(4);
    expect(await sent("job_ack")).toBe(2);
    expect(await sent("error")).toBe(2);
    expect(await sent("job_request", "worker-client")).toBe(4);
    expect(await received("job_ack", "worker-client")).toBe(2);
    expect(await received("error", "worker-client")).toBe(2);
    const job = { service: worker, job_type: "job_processing" };
    expect(await theValue(from, "microservices_job_processing_seconds", job)).toBe(4);
    expect(await theValue(from, "warren.handlers.active", { service })).toBe(0);
  });

  it("have one value for messages of any unknown type, and none for an instance or a text", async () => {
    const from = sdk();
    const { start, shape, shapeService } = of();
    const app = await start({ services: [shapeService()], telemetry: from.options });
    const stranger = of().connect();
    onTestFinished(() => stranger.close({ drainMs: 100 }));
    await stranger.declare({});
    for (let n = 0; n < 5; n++)
      await stranger.publish({
        exchange: "",
        key: names.requests(shape.name),
        body: new Uint8Array(),
        persistent: false,
        mandatory: true,
        type: `${shape.name}.made-up-${n}`,
        replyTo: "nobody",
      });
    await app.client(shape).echo(1, { to: app.instance });
    const unknown = { operation: `${shape.name}.unknown`, "error.type": "UNKNOWN_METHOD" };
    await vi.waitFor(async () => expect(await theValue(from, "messaging.process.duration", unknown)).toBe(5));
    const own = { "messaging.destination.name": `${shape.name}.instance`, operation: `${shape.name}.echo` };
    expect(await theValue(from, "messaging.client.consumed.messages", own)).toBe(1);
    const { resourceMetrics } = await from.collect();
    const labelled = resourceMetrics.scopeMetrics
      .flatMap((scope) => scope.metrics)
      .filter(({ descriptor }) => descriptor.name !== "warren.instances");
    expect(JSON.stringify(labelled)).not.toContain(app.instance);
    expect(JSON.stringify(labelled)).not.toContain("made-up");
  });

  it("tell how many instances are alive, of its own services or of all that a directory knows, and of none that is gone", async () => {
    const from = sdk();
    const { start, shape, shapeService } = of();
    const other = contract(`${shape.name}-other`, {});
    const app = await start({ services: [shapeService()], telemetry: from.options });
    const second = await start({ services: [shapeService(), service(other, { methods: {} })] });
    const workers = (type: string) => theValue(from, "microservices_workers_total", { type });
    const connected = () => from.values("microservices_connected_workers");
    expect(await workers(shape.name)).toBe(2);
    expect(await connected()).toEqual([{ value: 2, attributes: {} }]);
    await app.directory();
    await vi.waitFor(async () => expect(await connected()).toEqual([{ value: 3, attributes: {} }]));
    expect(await workers(other.name)).toBe(1);
    await second.stop();
    await vi.waitFor(async () => expect(await connected()).toEqual([{ value: 1, attributes: {} }]));
    expect(await workers(other.name)).toEqual([]);
    const told = (direction: string, service: string, type: string) =>
      theValue(from, `microservices_messages_${direction}_total`, { service, type });
    expect(await told("sent", `worker-${shape.name}`, "worker_registration")).toBe(1);
    expect(await told("sent", "system-manager", "workers_list_request")).toBe(1);
    expect(await told("received", "system-manager", "worker_list_update")).toBeGreaterThanOrEqual(2);
    expect(await told("received", "system-manager", "worker_deletion")).toBe(1);
  });

  it("tell of the queues, of the instances and of readiness, and of no queue while the broker is away", async () => {
    const from = sdk();
    const { start, shape, shapeService, connect } = of();
    const transport = connect();
    const app = await start({ transport, version: "7", services: [shapeService()], telemetry: from.options });
    const queue = names.requests(shape.name);
    expect(await theValue(from, "warren.queue.consumers", { queue, service: shape.name })).toBe(1);
    expect(await theValue(from, "warren.queue.messages", { queue: names.dead(shape.name) })).toBe(0);
    expect(await theValue(from, "warren.instances", { version: "7", instance: app.instance })).toBe(1);
    expect(await from.values("warren.ready")).toEqual([{ value: 1, attributes: {} }]);
    await app.stop();
    const again = sdk();
    const late = await start({ services: [shapeService()], telemetry: again.options });
    await late.stop();
    expect(await again.values("warren.queue.messages")).toEqual([]);
  });
});

describe("Metrics of your own", () => {
  it("may be made before the SDK is set up, and count from when it is", async () => {
    const sold = counter("market.sold");
    const weighed = histogram<{ kind: string }>("market.weight", { unit: "kg", boundaries: [1, 10] });
    const open = gauge("market.open");
    sold.add(3);
    const from = sdk();
    metrics.setGlobalMeterProvider(from.options.meterProvider);
    onTestFinished(() => metrics.disable());
    sold.add();
    sold.add(2, { kind: "book" });
    weighed.record(4, { kind: "book" });
    open.record(1);
    expect(await from.values("market.sold")).toEqual([
      { value: 1, attributes: {} },
      { value: 2, attributes: { kind: "book" } },
    ]);
    expect(await from.values("market.weight")).toEqual([{ value: 1, attributes: { kind: "book" } }]);
    expect(await from.values("market.open")).toEqual([{ value: 1, attributes: {} }]);
  });
});

describe("A collection", () => {
  it("asks once for what is not answered, and does without it", async () => {
    const from = sdk();
    const { observe } = await import("../src/telemetry/gauges.ts");
    const { systemClock } = await import("../src/index.ts");
    let asked = 0;
    const meter = (from.options.meterProvider as MeterProvider).getMeter("warren");
    const clock = { ...systemClock, after: (_ms: number, run: () => void) => systemClock.after(1, run) };
    const signals = { clock, instance: "i1" } as never;
    const never = async (): Promise<never> => {
      asked++;
      return new Promise(() => {});
    };
    const failing = { name: "sqlite", query: () => Promise.reject(new Error("away")) } as never;
    const end = observe(meter, signals, {
      transport: { inspect: never, state: { publishing: true, consuming: true } },
      services: [{ name: "stock", queues: ["stock.requests"] }],
      stores: [failing],
      version: undefined,
      isReady: async () => false,
      workers: () => new Map([["stock", 2]]),
    });
    expect(await from.values("microservices_workers_total")).toEqual([
      { value: 2, attributes: { type: "stock" } },
    ]);
    expect(await from.values("microservices_connected_workers")).toEqual([{ value: 2, attributes: {} }]);
    expect(await from.values("warren.ready")).toEqual([{ value: 0, attributes: {} }]);
    expect((await from.collect()).errors).toEqual([]);
    expect(await from.values("warren.queue.messages")).toEqual([]);
    expect(await from.values("warren.outbox.entries")).toEqual([]);
    expect(asked).toBe(1);
    end();
  });

  it("says nothing of an app that was stopped while it started", async () => {
    const from = sdk();
    const transport = embedded();
    const consume = transport.consume.bind(transport);
    let stopped: Promise<void> | undefined;
    // The consumers are all there, and `start` has not gone on.
    transport.consume = async (...args) => {
      const consumer = await consume(...args);
      stopped ??= one.stop({ drainMs: 0 });
      await stopped;
      return consumer;
    };
    const stock = service(contract("stock", {}), { methods: {} });
    const one = app({ services: [stock], telemetry: from.options, log: silent, transport });
    await one.start();
    await stopped;
    expect(await from.values("warren.instances")).toEqual([]);
  });
});
