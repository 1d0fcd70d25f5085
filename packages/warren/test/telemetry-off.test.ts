import { describe, expect, it, onTestFinished } from "vitest";
import { headers, type Incoming, names } from "../src/index.ts";
import { telemetry } from "../src/telemetry/telemetry.ts";
import { transports, world } from "./shape-world.ts";
import { sdk } from "./telemetry-world.ts";

const about = { clock: { now: () => 0 }, system: "embedded", instance: "i1" } as never;

describe("Without an SDK", () => {
  it("there is nothing to tell anything: the features are given no probe", () => {
    expect(telemetry(undefined, about)).toBeUndefined();
    expect(telemetry(false, about)).toBeUndefined();
    expect(telemetry({}, about)).toBeUndefined();
  });

  it("nor where both kinds are turned off, and either works alone", () => {
    const { tracerProvider, meterProvider } = sdk().options;
    expect(telemetry({ tracerProvider: false, meterProvider: false }, about)).toBeUndefined();
    expect(telemetry({ tracerProvider, meterProvider: false }, about)).toBeDefined();
    expect(telemetry({ tracerProvider: false, meterProvider }, about)).toBeDefined();
  });
});

describe.each(transports)("On %s, without an SDK", (name) => {
  const of = world(name);
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

  it("a call has no header of a trace, and one that came is handed on unread, as baggage is up to 8 KiB", async () => {
    const { start, shape, other, shapeService, connect } = of();
    const transport = connect();
    const seen: Incoming[] = [];
    onTestFinished(() => transport.close({ drainMs: 100 }));
    await transport.declare({
      queues: [{ name: names.requests(other.name), type: "classic", lifetime: "durable" }],
    });
    await transport.consume(
      names.requests(other.name),
      (message) => {
        seen.push(message);
        return "ack";
      },
      { prefetch: 10 },
    );
    const asking = shapeService({
      nested: async (_, { call }) => {
        await call.other.ask(undefined, { timeoutMs: 50 }).catch(() => undefined);
        return "asked";
      },
    });
    const app = await start({ services: [asking] });
    const ask = async (fields: Record<string, string>): Promise<Incoming> => {
      const before = seen.length;
      await transport.publish({
        exchange: "",
        key: names.requests(shape.name),
        body: new Uint8Array(),
        persistent: false,
        mandatory: true,
        type: `${shape.name}.nested`,
        messageId: `m${before}`,
        replyTo: "nobody",
        headers: fields,
      });
      await expect.poll(() => seen.length, { timeout: 15_000 }).toBe(before + 1);
      return seen.at(-1)!;
    };
    await app.client(shape).nested();
    expect(new Set(Object.keys(seen[0]!.headers ?? {}))).toEqual(
      new Set([headers.conversation, headers.deadline]),
    );
    const handed = await ask({ traceparent, tracestate: "a=1", baggage: "tenant=blue" });
    expect(handed.headers).toMatchObject({ traceparent, tracestate: "a=1", baggage: "tenant=blue" });
    expect((await ask({ traceparent, baggage: "b".repeat(8_193) })).headers).not.toHaveProperty("baggage");
    expect(handed).not.toHaveProperty("work");
  });
});
