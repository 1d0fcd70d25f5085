import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { onTestFinished } from "vitest";

/** One request that a collector took. */
export interface Received {
  readonly path: string;
  readonly encoding: string | undefined;
  readonly body: any;
}

export interface Collector {
  readonly url: string;
  readonly received: readonly Received[];
  /** How many requests came, whatever became of them. */
  readonly requests: number;
  /** What the collector answers with from now on; 0 is no answer at all. */
  answerWith(status: number): void;
}

/** An OTLP collector over HTTP that keeps what it is sent, on `port` or a free one. Ends with the test. */
export async function collector(port = 0): Promise<Collector> {
  const received: Received[] = [];
  let status = 200;
  let requests = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const encoding = request.headers["content-encoding"];
    const bytes = Buffer.concat(chunks);
    const text = (encoding === "gzip" ? gunzipSync(bytes) : bytes).toString();
    requests++;
    if (status === 0) return;
    if (status === 200) received.push({ path: request.url!, encoding, body: JSON.parse(text) });
    response.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    get requests() {
      return requests;
    },
    answerWith(given) {
      status = given;
    },
  };
}

/** The spans of all requests, by name, with their resource. */
export function spansIn({ received }: Collector): { name: string; resource: any; traceId: string }[] {
  return received
    .filter(({ path }) => path === "/v1/traces")
    .flatMap(({ body }) => body.resourceSpans)
    .flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }: any) => spans.map((span: any) => ({ ...span, resource }))),
    );
}

/** The names of all metrics in all requests. */
export function metricsIn({ received }: Collector): string[] {
  return received
    .filter(({ path }) => path === "/v1/metrics")
    .flatMap(({ body }) => body.resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }: any) => metrics))
    .map(({ name }) => name);
}
