import { Fault } from "./fault.ts";
import type { Headers, HeaderValue, Incoming } from "./message.ts";
import { headers, traceHeaders } from "./names.ts";
import type { Principal } from "./principal.ts";
import { storedKey } from "./stored-key.ts";

/** What a message hands on to the messages that it causes. */
export interface Trail {
  /** Who sends those messages; known to this process, and not sent. */
  readonly service?: string | undefined;
  readonly conversation?: string | undefined;
  readonly principal?: Principal | undefined;
  readonly deadline?: number | undefined;
  readonly trace?: Headers | undefined;
}

/**
 * The conversation a message belongs to: the one in its header, else it began one itself. As it is stored, so that
 * everywhere it is known by the same text.
 */
export function conversationOf(message: Incoming): string {
  const named = message.headers?.[headers.conversation];
  return storedKey(typeof named === "string" ? named : (message.messageId ?? message.correlationId ?? ""));
}

/** @throws Fault BAD_MESSAGE for a header that is not a principal */
export function principalOf(message: Incoming): Principal | undefined {
  const text = message.headers?.[headers.principal];
  if (text === undefined) return undefined;
  const principal = parse(text);
  if (isPrincipal(principal)) return principal;
  throw new Fault(
    "BAD_MESSAGE",
    { header: headers.principal },
    {
      message: `The header ${headers.principal} is not a principal: {"subject": string, "scopes": string[]} as JSON.`,
    },
  );
}

function parse(text: HeaderValue): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

function isPrincipal(value: unknown): value is Principal {
  if (typeof value !== "object" || value === null) return false;
  const { subject, scopes } = value as Partial<Principal>;
  return (
    typeof subject === "string" && Array.isArray(scopes) && scopes.every((scope) => typeof scope === "string")
  );
}

/** What W3C lets baggage have at the most. What is longer is no baggage, but somebody's mistake, and is not handed on. */
export const maxBaggageBytes = 8_192;

/** What a message hands on of its trace: that of the work on it, where that is followed, else what it came with. */
export function traceOf(message: Incoming): Headers | undefined {
  if (message.work?.trace !== undefined) return message.work.trace;
  const { headers: all } = message;
  if (all === undefined) return undefined;
  let trace: Record<string, HeaderValue> | undefined;
  for (const name of traceHeaders) {
    const value = all[name];
    if (value === undefined || String(value).length > maxBaggageBytes) continue;
    trace ??= {};
    trace[name] = value;
  }
  return trace;
}

/** The ids of a trace as they stand in lines of a log; `undefined` where there is none. */
export function traceIdsOf(
  trace: Headers | undefined,
): { readonly trace_id: string; readonly span_id: string } | undefined {
  const [, trace_id, span_id] = String(trace?.traceparent ?? "").split("-");
  return trace_id?.length === 32 && span_id?.length === 16 ? { trace_id, span_id } : undefined;
}

/** Adds a trail to the headers of a message that it causes. */
export function leaveTrail(into: Record<string, HeaderValue>, trail: Trail): Record<string, HeaderValue> {
  if (trail.conversation !== undefined) into[headers.conversation] = trail.conversation;
  if (trail.principal !== undefined) into[headers.principal] = JSON.stringify(trail.principal);
  if (trail.trace !== undefined) Object.assign(into, trail.trace);
  return into;
}
