import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it, vi } from "vitest";
import { transports, world } from "./shape-world.ts";
import { sdk, withContexts } from "./telemetry-world.ts";

withContexts();

describe.each(transports)("Traces of calls on %s", (name) => {
  const of = world(name);

  it("follow a call from its caller to its handler and on to what that calls", async () => {
    const { options, spans } = sdk();
    const { start, shape, shapeService } = of();
    const app = await start({ services: [shapeService()], telemetry: options });
    await app.client(shape).add({ a: 1, b: 2 });
    await vi.waitFor(() => expect(spans()).toHaveLength(2));
    const [process, call] = spans();
    expect(call).toMatchObject({ name: `send ${shape.name}.requests`, kind: SpanKind.CLIENT });
    expect(process).toMatchObject({
      name: `process ${shape.name}.requests`,
      kind: SpanKind.SERVER,
      parentSpanContext: { spanId: call!.spanContext().spanId, traceId: call!.spanContext().traceId },
      attributes: {
        "messaging.system": name,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": `${shape.name}.requests`,
        "rpc.method": `${shape.name}.add`,
        "warren.operation": `${shape.name}.add`,
      },
    });
    expect(process!.status.code).toBe(SpanStatusCode.UNSET);
  });

  it("name a declared fault, which is no failure, and tell a failure as one", async () => {
    const { options, spans } = sdk();
    const { start, shape, shapeService } = of();
    const app = await start({ services: [shapeService()], telemetry: options });
    await app
      .client(shape)
      .declared()
      .catch(() => undefined);
    await app
      .client(shape)
      .boom()
      .catch(() => undefined);
    await vi.waitFor(() => expect(spans()).toHaveLength(4));
    const told = spans().map(({ attributes, status }) => [attributes["error.type"], status.code]);
    expect(told).toEqual([
      ["GONE", SpanStatusCode.UNSET],
      ["GONE", SpanStatusCode.UNSET],
      ["INTERNAL", SpanStatusCode.ERROR],
      ["INTERNAL", SpanStatusCode.ERROR],
    ]);
  });
});
