import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { app, contract, rpc, service, silent } from "../src/index.ts";
import { startTelemetry, type Telemetry } from "../src/open-telemetry/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { collector, metricsIn, spansIn } from "./collector.ts";
import { sink } from "./events-world.ts";
import { recorder } from "./gateway-world.ts";
import { started } from "./telemetry-started.ts";

const span = (name: string): void => trace.getTracer("test").startSpan(name).end();

afterEach(() => void vi.unstubAllEnvs());

describe("traces", () => {
  it("go to the collector when telemetry stops, with the service and its version", async () => {
    const to = await collector();
    const telemetry = await started({ endpoint: to.url, sampleRatio: 1, service: "shop", version: "1.2.3" });
    span("sell");
    await telemetry.stop();
    expect(spansIn(to).map(({ name }) => name)).toEqual(["sell"]);
    expect(spansIn(to)[0]!.resource.attributes).toEqual(
      expect.arrayContaining([
        { key: "service.name", value: { stringValue: "shop" } },
        { key: "service.version", value: { stringValue: "1.2.3" } },
      ]),
    );
  });

  it("go where the environment says, as it says, but options go before", async () => {
    const to = await collector();
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", to.url);
    vi.stubEnv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    vi.stubEnv("OTEL_SERVICE_NAME", "of the environment");
    vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.namespace=a%2Cb");
    const telemetry = await started({
      sampleRatio: 1,
      attributes: { "service.namespace": "of the options" },
    });
    span("sell");
    await telemetry.stop();
    expect(to.received.find(({ path }) => path === "/v1/traces")!.encoding).toBe("gzip");
    expect(spansIn(to)[0]!.resource.attributes).toEqual(
      expect.arrayContaining([
        { key: "service.name", value: { stringValue: "of the environment" } },
        { key: "deployment.environment.name", value: { stringValue: "test" } },
        { key: "service.namespace", value: { stringValue: "of the options" } },
      ]),
    );
  });

  it("stay here where the environment wants no exporter", async () => {
    const to = await collector();
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", to.url);
    vi.stubEnv("OTEL_TRACES_EXPORTER", "none");
    const telemetry = await started();
    span("sell");
    await telemetry.stop();
    expect(new Set(to.received.map(({ path }) => path))).toEqual(new Set(["/v1/metrics"]));
  });

  it("are sent again where the collector cannot take them now", async () => {
    const to = await collector();
    to.answerWith(503);
    const telemetry = await started({ endpoint: to.url, sampleRatio: 1 });
    span("sell");
    const stopped = telemetry.stop();
    await vi.waitFor(() => expect(to.requests).toBeGreaterThan(0));
    to.answerWith(200);
    await stopped;
    expect(spansIn(to).map(({ name }) => name)).toEqual(["sell"]);
  });

  it.each([
    ["none listens", async () => "http://127.0.0.1:9"],
    [
      "it does not answer",
      async () => {
        const to = await collector();
        to.answerWith(0);
        return to.url;
      },
    ],
  ])("do not hold up the end of a process: %s", async (_, endpoint) => {
    const log = recorder();
    const telemetry = await started({ endpoint: await endpoint(), sampleRatio: 1, flushMs: 100, log });
    span("sell");
    const began = performance.now();
    await telemetry.stop();
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(log.lines.join("\n")).toContain("lost");
  });

  it("are sampled as the environment says, and whoever goes on does as the beginner did", async () => {
    const exporter = new InMemorySpanExporter();
    vi.stubEnv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    vi.stubEnv("OTEL_TRACES_SAMPLER_ARG", "0");
    await started({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    span("begins here");
    const parent = propagation.extract(context.active(), {
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    context.with(parent, () => span("goes on"));
    expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(["goes on"]);
  });

  it.each([
    [{}, 40, 180],
    [{ OTEL_TRACES_SAMPLER_ARG: "1" }, 1_000, 1_000],
    [{ OTEL_TRACES_SAMPLER: "always_on" }, 1_000, 1_000],
  ])("are one in ten, unless the environment says otherwise: %o", async (variables, least, most) => {
    const exporter = new InMemorySpanExporter();
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    await started({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    for (let n = 0; n < 1_000; n++) span("begins here");
    const recorded = exporter.getFinishedSpans().length;
    expect(recorded).toBeGreaterThanOrEqual(least);
    expect(recorded).toBeLessThanOrEqual(most);
  });

  it("take their context through what is awaited, and baggage with them", async () => {
    await started({ traces: true });
    await trace.getTracer("test").startActiveSpan("outer", async (outer) => {
      await new Promise((resolve) => setImmediate(resolve));
      const carrier: Record<string, string> = {};
      const baggage = propagation.createBaggage({ tenant: { value: "a" } });
      propagation.inject(propagation.setBaggage(context.active(), baggage), carrier);
      expect(carrier).toEqual({
        traceparent: expect.stringContaining(outer.spanContext().traceId),
        baggage: "tenant=a",
      });
    });
  });

  it.each([
    [{ OTEL_TRACES_SAMPLER: "sometimes" }, /OTEL_TRACES_SAMPLER is "sometimes"; use always_on/],
    [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" }, /ARG is 2; use a number from 0/],
    [{ OTEL_EXPORTER_PROMETHEUS_PORT: "http" }, /OTEL_EXPORTER_PROMETHEUS_PORT is NaN; use a whole number/],
  ] as const)("refuse what the environment cannot mean: %o", async (variables, message) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    await expect(startTelemetry({ log: silent })).rejects.toThrow(message);
  });

  it("refuse an endpoint that is none", async () => {
    await expect(startTelemetry({ endpoint: "collector:4318", log: silent })).rejects.toThrow(
      /`endpoint` is/,
    );
  });
});

describe("metrics", () => {
  const scrape = async (telemetry: Telemetry): Promise<string> => (await fetch(telemetry.metricsUrl!)).text();

  it("go to the collector every now and then, and when telemetry stops", async () => {
    const to = await collector();
    const telemetry = await started({ endpoint: to.url, exportEveryMs: 50, port: false });
    expect(telemetry.metricsUrl).toBeUndefined();
    metrics.getMeter("test").createCounter("sold").add(1);
    await vi.waitFor(() => expect(metricsIn(to)).toContain("sold"));
    metrics.getMeter("test").createCounter("bought").add(1);
    await telemetry.stop();
    expect(metricsIn(to)).toContain("bought");
  });

  it("are named as Prometheus does, with labels of their own alone", async () => {
    const telemetry = await started({ service: "shop", version: "2" });
    const meter = metrics.getMeter("test");
    meter.createCounter("shop.sent", { unit: "By" }).add(3, { to: 'a\n"b"' });
    meter.createHistogram("shop.wait", { unit: "s" }).record(0.0007);
    meter.createObservableGauge("shop.age_seconds", { unit: "s" }).addCallback((result) => result.observe(1));
    const text = await scrape(telemetry);
    expect(text).toContain(String.raw`shop_sent_bytes_total{to="a\n\"b\""} 3`);
    expect(text).toContain('shop_wait_seconds_bucket{le="0.001"} 1');
    expect(text).toContain("\nshop_age_seconds 1\n");
    expect(text).toMatch(/^target_info\{service_name="shop".*service_version="2"/m);
    expect(text.endsWith("\n")).toBe(true);
  });

  it("in seconds have buckets for latencies, unless they name their own", async () => {
    const telemetry = await started();
    const meter = metrics.getMeter("test");
    const advised = { unit: "s", advice: { explicitBucketBoundaries: [3] } };
    meter.createHistogram("microservices_job_processing_seconds", advised).record(1);
    meter.createHistogram("rpc.client.call.duration", advised).record(1);
    meter.createHistogram("usual", { unit: "s" }).record(1);
    meter.createHistogram("own", advised).record(1);
    expect(metrics.getMeter("test")).toBe(meter);
    const text = await scrape(telemetry);
    const bounds = (name: string): string[] =>
      [...text.matchAll(new RegExp(`^${name}_seconds_bucket\\{le="(.*)"\\}`, "gm"))].map(
        (match) => match[1]!,
      );
    expect(bounds("microservices_job_processing")).toEqual([
      "0.01",
      "0.05",
      "0.1",
      "0.5",
      "1",
      "2",
      "5",
      "+Inf",
    ]);
    expect(bounds("usual").slice(0, 2)).toEqual(["0.0005", "0.001"]);
    expect(bounds("rpc_client_call_duration")).toEqual(bounds("usual"));
    expect(bounds("own")).toEqual(["3", "+Inf"]);
  });

  it("have a bounded number of series each; the rest is counted together", async () => {
    const telemetry = await started({ maxSeries: 10 });
    const counter = metrics.getMeter("test").createCounter("visits");
    for (let n = 0; n < 50; n++) counter.add(1, { visitor: n });
    const series = (await scrape(telemetry)).match(/^visits_total\{.*/gm)!;
    expect(series).toHaveLength(10);
    expect(series.join("\n")).toContain('otel_metric_overflow="true"');
  });

  it("that are not observed any more are gone", async () => {
    const telemetry = await started();
    const kinds = new Set(["a", "b"]);
    const gauge = metrics.getMeter("test").createObservableGauge("alive");
    gauge.addCallback((result) => {
      for (const kind of kinds) result.observe(1, { kind });
    });
    expect(await scrape(telemetry)).toContain('alive{kind="b"} 1');
    kinds.delete("b");
    expect(await scrape(telemetry)).not.toContain('alive{kind="b"}');
    expect(await scrape(telemetry)).toContain('alive{kind="a"} 1');
  });

  it("that cannot be measured do not take the others with them, and are told", async () => {
    const log = recorder();
    const telemetry = await started({ log });
    const meter = metrics.getMeter("test");
    meter.createObservableGauge("broken").addCallback(() => {
      throw new Error("no figure");
    });
    meter.createCounter("sold").add(1);
    expect(await scrape(telemetry)).toContain("sold_total 1");
    expect(log.lines.join("\n")).toContain("no figure");
  });

  it("of the process have the names and types of prom-client's", async () => {
    const telemetry = await started();
    await vi.waitFor(async () =>
      expect(await scrape(telemetry)).toContain("nodejs_gc_duration_seconds_count"),
    );
    const text = await scrape(telemetry);
    const types = Object.fromEntries(
      [...text.matchAll(/^# TYPE ((?:process|nodejs)_\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]),
    );
    expect(types).toEqual({
      process_cpu_user_seconds_total: "counter",
      process_cpu_system_seconds_total: "counter",
      process_cpu_seconds_total: "counter",
      process_resident_memory_bytes: "gauge",
      process_start_time_seconds: "gauge",
      process_open_fds: "gauge",
      nodejs_eventloop_lag_seconds: "gauge",
      nodejs_eventloop_lag_min_seconds: "gauge",
      nodejs_eventloop_lag_max_seconds: "gauge",
      nodejs_eventloop_lag_mean_seconds: "gauge",
      nodejs_eventloop_lag_stddev_seconds: "gauge",
      nodejs_eventloop_lag_p50_seconds: "gauge",
      nodejs_eventloop_lag_p90_seconds: "gauge",
      nodejs_eventloop_lag_p99_seconds: "gauge",
      nodejs_eventloop_utilization: "gauge",
      nodejs_active_resources_total: "gauge",
      nodejs_heap_size_total_bytes: "gauge",
      nodejs_heap_size_used_bytes: "gauge",
      nodejs_external_memory_bytes: "gauge",
      nodejs_gc_duration_seconds: "histogram",
      nodejs_version_info: "gauge",
    });
    const value = (name: string): number =>
      Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)![1]);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(2 ** 24);
    expect(value("process_cpu_seconds_total")).toBeCloseTo(
      process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
      -1,
    );
    expect(
      Math.abs(Date.now() / 1_000 - process.uptime() - value("process_start_time_seconds")),
    ).toBeLessThan(5);
    expect(value("nodejs_eventloop_utilization")).toBeLessThanOrEqual(1);
    expect(text).toContain(`nodejs_version_info{version="${process.version}",major="`);
  });

  it("show an event loop that was held up", async () => {
    const telemetry = await started();
    // More than once: Node.js counts the delays from the second turn of its timer on.
    await vi.waitFor(async () => {
      const until = performance.now() + 150;
      while (performance.now() < until);
      const longest = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await scrape(telemetry))![1];
      expect(Number(longest)).toBeGreaterThan(0.1);
    });
  });
});

describe("starting and stopping", () => {
  it("starts nothing where the environment turns telemetry off", async () => {
    vi.stubEnv("OTEL_SDK_DISABLED", "true");
    const telemetry = await started({ endpoint: "http://127.0.0.1:9" });
    expect(telemetry.metricsUrl).toBeUndefined();
    expect(trace.getTracer("test").startSpan("none").isRecording()).toBe(false);
  });

  it("makes no spans where they would go nowhere", async () => {
    await started();
    expect(trace.getTracer("test").startSpan("none").isRecording()).toBe(false);
  });

  it("refuses a second one, and leaves the first as it is", async () => {
    const telemetry = await started();
    const { port } = new URL(telemetry.metricsUrl!);
    await expect(started({ port: Number(port) })).rejects.toThrow(
      "OpenTelemetry is set up in this process already",
    );
    metrics.getMeter("test").createCounter("sold").add(1);
    expect(await (await fetch(telemetry.metricsUrl!)).text()).toContain("sold_total 1");
  });

  it("stops once, and can be started again", async () => {
    const telemetry = await started();
    await Promise.all([telemetry.stop(), telemetry.stop()]);
    await expect(fetch(telemetry.metricsUrl!)).rejects.toThrow();
    const again = await started();
    metrics.getMeter("test").createCounter("sold").add(1);
    expect(await (await fetch(again.metricsUrl!)).text()).toContain("sold_total 1");
  });
});

describe("apps that are made after telemetry has started", () => {
  const shop = contract("sdk-shop", {
    methods: { sell: rpc({ input: z.object({ n: z.number() }) }) },
    events: { sold: z.object({ n: z.number() }) },
  });
  const mail = contract("sdk-mail", {});

  it("are traced to the collector as one, and measured together", async () => {
    const to = await collector();
    const telemetry = await started({ endpoint: to.url, sampleRatio: 1 });
    const told = sink<number>();
    const shopService = service(shop, { methods: { sell: ({ n }, { emit }) => emit.sold({ n }) } });
    const on = { "sdk-shop.sold": ({ n }: { n: number }) => told.put(n) };
    const mailService = service(mail, { uses: { shop }, methods: {}, on });
    const apps = [[shopService, mailService], [shopService]].map((services) =>
      app({ transport: rabbitmq({ url: amqpUrl() }), services, log: silent }),
    );
    onTestFinished(async () => void (await Promise.all(apps.map((each) => each.stop({ drainMs: 500 })))));
    await Promise.all(apps.map((each) => each.start()));
    const [first, second] = apps;
    for (let n = 0; n < 10; n++) await first!.every(shop).sell({ n }, { expect: 2 });
    await second!.client(shop).sell({ n: 10 });
    await told.until(21);
    const done = /^messaging_process_duration_seconds_count\{[^}]*operation="sdk-shop\.sell"[^}]*\} (\d+)$/gm;
    await vi.waitFor(async () => {
      const text = await (await fetch(telemetry.metricsUrl!)).text();
      expect([...text.matchAll(done)].reduce((sum, match) => sum + Number(match[1]), 0)).toBe(21);
      expect(text.match(/^warren_instances\{service="sdk-shop"/gm)).toHaveLength(2);
      expect(text).toContain('warren_queue_messages{service="sdk-shop",queue="sdk-shop.requests"} 0');
    });
    await Promise.all(apps.map((each) => each.stop({ drainMs: 500 })));
    await telemetry.stop();
    const last = spansIn(to).filter(({ traceId }) => traceId === spansIn(to).at(-1)!.traceId);
    expect(new Set(last.map(({ name }) => name))).toEqual(
      new Set([
        "send sdk-shop.requests",
        "process sdk-shop.requests",
        "publish warren.events:sdk-shop.sold",
        "process sdk-mail.events",
      ]),
    );
  });
});
