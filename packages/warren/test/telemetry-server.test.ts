import { get } from "node:http";
import { connect } from "node:net";
import { metrics } from "@opentelemetry/api";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { silent } from "../src/index.ts";
import { anyFreePort } from "../src/machine/ports.ts";
import { startTelemetry } from "../src/open-telemetry/index.ts";
import { collector } from "./collector.ts";
import { started } from "./telemetry-started.ts";

describe("the server of /metrics", () => {
  it("answers GET and HEAD of /metrics, and nothing else", async () => {
    const { metricsUrl } = await started();
    const url = metricsUrl!;
    const asked = await fetch(`${url}?name=x`);
    expect(asked.status).toBe(200);
    expect(asked.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const posted = await fetch(url, { method: "POST", body: "x" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    for (const path of ["", "/", "/metrics/", "/health", "//metrics"])
      expect((await fetch(new URL(url).origin + path)).status).toBe(404);
    expect((await fetch(url, { headers: { "x-long": "x".repeat(10_000) } })).status).toBe(431);
  });

  it("reads once for all who ask at the same time", async () => {
    const telemetry = await started();
    let reads = 0;
    const gauge = metrics.getMeter("test").createObservableGauge("slow");
    const asked = Promise.withResolvers<void>();
    gauge.addCallback(async () => {
      reads++;
      await asked.promise;
    });
    const { hostname, port } = new URL(telemetry.metricsUrl!);
    const socket = connect({ host: hostname, port: Number(port) });
    onTestFinished(() => void socket.destroy());
    let answered = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      answered += text;
    });
    // All in one piece, so that all are there before the first is answered.
    socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(5));
    await vi.waitFor(() => expect(reads).toBe(1));
    asked.resolve();
    await vi.waitFor(() => expect(answered.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(5));
    expect(reads).toBe(1);
  });

  it("has room for a hundred who ask at once, each on a connection of its own", async () => {
    const { hostname, port } = new URL((await started()).metricsUrl!);
    const answers = Array.from({ length: 100 }, () => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      get({ host: hostname, port, path: "/metrics", agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      }).on("error", reject);
      return promise;
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  });

  it("says which port is taken and what to set; nothing stays", async () => {
    const telemetry = await started();
    const port = Number(new URL(telemetry.metricsUrl!).port);
    await telemetry.stop();
    const other = await collector(port);
    expect(other.url).toContain(`${port}`);
    await expect(startTelemetry({ port, host: "127.0.0.1", log: silent })).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is in use by another program, so /metrics cannot be served there. Each process of a machine needs a port of its own: set OTEL_EXPORTER_PROMETHEUS_PORT or the option \`port\` of startTelemetry to another one, 0 to any free one.`,
    );
    await started();
  });

  it("gets rid of those who hold connections and ask nothing", async () => {
    const { metricsUrl } = await started();
    const { hostname, port } = new URL(metricsUrl!);
    const sockets = Array.from({ length: 80 }, (_, n) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.on("error", () => {}).resume();
      // Some begin to ask, and never end.
      socket.on("connect", () => n % 2 === 0 && socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\nx: "));
      return socket;
    });
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    await vi.waitFor(() => expect(sockets.some(({ closed }) => closed)).toBe(true));
    await vi.waitFor(async () => expect((await fetch(metricsUrl!)).status).toBe(200));
    await vi.waitFor(() => expect(sockets.filter(({ closed }) => !closed)).toEqual([]));
  });

  it("listens where the environment says, unless an option does", async () => {
    const port = await anyFreePort();
    vi.stubEnv("OTEL_EXPORTER_PROMETHEUS_PORT", `${port}`);
    vi.stubEnv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1");
    const telemetry = await startTelemetry({ log: silent });
    onTestFinished(() => telemetry.stop());
    vi.unstubAllEnvs();
    expect(telemetry.metricsUrl).toBe(`http://127.0.0.1:${port}/metrics`);
    expect((await fetch(telemetry.metricsUrl!)).status).toBe(200);
  });

  it("listens on every address where none is named, since Prometheus is elsewhere", async () => {
    const telemetry = await startTelemetry({ port: 0, log: silent });
    onTestFinished(() => telemetry.stop());
    expect(telemetry.metricsUrl).toMatch(/^http:\/\/localhost:\d+\/metrics$/);
    const { port } = new URL(telemetry.metricsUrl!);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  });
});
