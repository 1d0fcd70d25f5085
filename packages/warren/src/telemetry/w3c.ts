import {
  type BaggageEntry,
  type Context,
  createTraceState,
  INVALID_SPANID,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import type { Headers, HeaderValue } from "../message.ts";
import { maxBaggageBytes } from "../trail.ts";
import { contextOf } from "./layer.ts";

// W3C Trace Context and Baggage, as messages carry them. Written out here since it is done for every message, and since
// what travels between services of different versions must not depend on which propagator one of them has set up.

/** Version, trace, span and flags; a later version than 00 may have more to say behind. */
const traceparentForm = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/;
const length = 55;

/** Where a message comes from; `undefined` where it does not say, or not in a way that can be understood. */
export function spanContextOf(
  headers: Readonly<Record<string, unknown>> | undefined,
): SpanContext | undefined {
  const text = headers?.traceparent;
  if (typeof text !== "string") return undefined;
  const [, version, traceId, spanId, flags] = traceparentForm.exec(text) ?? [];
  if (traceId === undefined || version === "ff" || (version === "00" && text.length > length))
    return undefined;
  const found: SpanContext = {
    traceId,
    spanId: spanId!,
    traceFlags: Number.parseInt(flags!, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  const state = headers!.tracestate;
  if (typeof state === "string" && state !== "") found.traceState = createTraceState(state);
  return traceId === INVALID_TRACEID || spanId === INVALID_SPANID ? undefined : found;
}

/** What a message carries that is caused by what is traced as `from`. Baggage is handed on. */
export function traceOfSpan(from: SpanContext, carried: Headers | undefined): Headers {
  const { traceId, spanId, traceFlags, traceState } = from;
  const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  const headers: Record<string, HeaderValue> = {
    traceparent: `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`,
  };
  const state = traceState?.serialize();
  if (state) headers.tracestate = state;
  const baggage = carried?.baggage;
  if (baggage !== undefined) headers.baggage = baggage;
  return headers;
}

/** The context to begin a span in that is caused by this. */
export function contextFrom(parent: SpanContext | undefined): Context {
  return parent === undefined ? ROOT_CONTEXT : contextOf(trace.wrapSpanContext(parent));
}

/** Whoever began the trace has decided against it: nothing of it is recorded anywhere. */
export function isUnsampled(parent: SpanContext | undefined): boolean {
  return parent !== undefined && parent.traceFlags === TraceFlags.NONE;
}

/** The context of what a message causes: within the span, with the message's baggage. */
export function contextWith(
  span: Span | SpanContext,
  carried: Readonly<Record<string, unknown>> | undefined,
): Context {
  const context = contextOf("spanContext" in span ? span : trace.wrapSpanContext(span));
  const baggage = carried?.baggage;
  return baggage === undefined ? context : withBaggage(context, baggage);
}

/** As many as W3C has everybody hand on at least, and more than anybody means. */
const maxMembers = 180;

/** What is longer than baggage can be is none: it is not handed on either. */
function withBaggage(context: Context, text: unknown): Context {
  if (typeof text !== "string" || text === "" || text.length > maxBaggageBytes) return context;
  const entries: [string, BaggageEntry][] = [];
  for (const member of text.split(",", maxMembers)) {
    const [pair = "", ...properties] = member.split(";");
    const equals = pair.indexOf("=");
    const name = pair.slice(0, equals).trim();
    if (equals < 1 || name === "") continue;
    const metadata = properties.join(";").trim();
    const value = decoded(pair.slice(equals + 1).trim());
    entries.push([
      name,
      { value, ...(metadata !== "" && { metadata: { toString: () => metadata } as never }) },
    ]);
  }
  // All at once: the API copies everything with each that is added.
  return propagation.setBaggage(context, propagation.createBaggage(Object.fromEntries(entries)));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The baggage of the code that runs now, as a header; `undefined` where there is none. What does not fit is left out. */
export function baggageIn(context: Context): string | undefined {
  const baggage = propagation.getBaggage(context);
  if (baggage === undefined) return undefined;
  let text = "";
  for (const [name, { value, metadata }] of baggage.getAllEntries()) {
    const properties = metadata?.toString();
    const member = `${name}=${encodeURIComponent(value.toWellFormed())}${properties ? `;${properties}` : ""}`;
    const longer = text === "" ? member : `${text},${member}`;
    if (longer.length <= maxBaggageBytes) text = longer;
  }
  return text === "" ? undefined : text;
}
