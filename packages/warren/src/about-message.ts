import type { Headers, Incoming } from "./message.ts";
import { conversationOf } from "./trail.ts";

/** The fields of a line about a message, by which it is found together with all others of its cause. */
export function aboutMessage(message: Incoming): object {
  return {
    type: message.type,
    messageId: message.messageId ?? message.correlationId,
    conversation: conversationOf(message),
    ...traceIds(message.headers),
  };
}

/** The names that OpenTelemetry has for them in logs. */
export interface TraceIds {
  readonly trace_id: string;
  readonly span_id: string;
}

/** Of the span that sent something, as its `traceparent` says; nothing where that is none. */
export function traceIds(headers: Headers | undefined): TraceIds | undefined {
  const parent = headers?.traceparent;
  if (typeof parent !== "string" || parent.length > maxParentChars) return undefined;
  const [, version, trace_id = "", span_id = "", more] = traceparent.exec(parent) ?? [];
  const isKnown = version !== undefined && version !== "ff" && (version !== "00" || more === undefined);
  return isKnown && !/^0+$/.test(trace_id) && !/^0+$/.test(span_id) ? { trace_id, span_id } : undefined;
}

/** W3C Trace Context, level 1: versions to come may have more behind the flags. */
const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}(-.*)?$/;
const maxParentChars = 512;
