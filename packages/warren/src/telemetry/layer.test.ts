import { createContextKey, propagation, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { expect, it } from "vitest";
import { contextOf } from "./layer.ts";

const spanOf = (spanId: string) =>
  trace.wrapSpanContext({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId, traceFlags: 1 });
const first = spanOf("b7ad6b7169203331");
const second = spanOf("00f067aa0ba902b7");

it("is to the API what it makes of a span itself, also with more set upon it", () => {
  const key = createContextKey("of somebody");
  for (const context of [contextOf(first), trace.setSpan(ROOT_CONTEXT, first)]) {
    expect(trace.getSpan(context)).toBe(first);
    expect(context.getValue(key)).toBeUndefined();
    const more = context.setValue(key, 1);
    expect([trace.getSpan(more), more.getValue(key), context.getValue(key)]).toEqual([first, 1, undefined]);
    expect(trace.getSpan(trace.setSpan(context, second))).toBe(second);
    expect(trace.getSpan(trace.deleteSpan(more))).toBeUndefined();
    expect(trace.deleteSpan(more).getValue(key)).toBe(1);
    const baggage = propagation.createBaggage({ tenant: { value: "a" } });
    expect(trace.getSpan(propagation.setBaggage(context, baggage))).toBe(first);
  }
});

it("is a context of the API's again once something is set upon it, so that none pile up", () => {
  expect(trace.setSpan(contextOf(first), second).constructor).toBe(ROOT_CONTEXT.constructor);
});
