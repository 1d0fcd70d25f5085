import { type Attributes, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { Method } from "../contract/method.ts";
import { isFault } from "../fault.ts";
import type { Outgoing } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Caller } from "../rpc/caller.ts";
import type { Trail } from "../trail.ts";
import type { Transport } from "../transport.ts";
import type { Count } from "./counts.ts";
import { describeSpan, tellError } from "./following.ts";
import { endSpan } from "./guarded.ts";
import { type ByOutcome, byOutcome, workerOf } from "./labels.ts";
import { errorType } from "./outcome.ts";
import { type Signals, seconds } from "./signals.ts";
import { baggageIn, contextFrom, isUnsampled, spanContextOf, traceOfSpan } from "./w3c.ts";

/** One call while it is under way. */
interface FollowedCall {
  readonly sent: Sent;
  readonly began: number;
  readonly worker: WorkerCounts | undefined;
  readonly span: Span | undefined;
  /** What it hands on. */
  readonly trail: Trail;
}

/** What is made once for each method that is called, or event that is published. */
interface Sent {
  readonly name: string;
  readonly attributes: Attributes;
  readonly declared: ReadonlySet<string>;
  readonly durations: ByOutcome;
  readonly sent: Count | undefined;
}

/**
 * The trail as the code that runs now hands it on. A span that the application has begun within what Warren traces is
 * nearer to the cause than Warren's own; one of another trace has strayed here, as with a timer, and is no cause.
 */
export function trailNow(trail: Trail): Trail {
  const active = context.active();
  const span = trace.getSpan(active)?.spanContext();
  if (span === undefined || !trace.isSpanContextValid(span)) return trail;
  const known = spanContextOf(trail.trace);
  if (known !== undefined && known.traceId !== span.traceId) return trail;
  const baggage = baggageIn(active);
  return { ...trail, trace: traceOfSpan(span, baggage === undefined ? trail.trace : { baggage }) };
}

/** Each call has one span, from its beginning to its answer: its caller waits that long. */
export function followedCalls(signals: Signals, caller: Caller): Caller {
  const { tracer, counts, durations, clock } = signals;
  const one = new WeakMap<Method, Sent>();
  const all = new WeakMap<Method, Sent>();
  const workers = workerCounts(signals);

  /** @returns what the call hands on, and how to say what became of it */
  function follow(sent: Sent, trail: Trail): FollowedCall {
    const began = seconds(clock);
    const worker = counts && workers(trail.service);
    if (worker !== undefined) {
      sent.sent!.value++;
      worker.requested.value++;
    }
    if (tracer === undefined) return { sent, began, worker, trail, span: undefined };
    const from = trailNow(trail);
    const parent = spanContextOf(from.trace);
    if (isUnsampled(parent)) return { sent, began, worker, trail: from, span: undefined };
    const span = tracer.start(sent.name, { kind: SpanKind.CLIENT }, contextFrom(parent));
    if (span === undefined) return { sent, began, worker, trail: from, span };
    if (span.isRecording())
      describeSpan(span, sent.attributes, { "messaging.message.conversation_id": trail.conversation });
    return {
      sent,
      began,
      worker,
      span,
      trail: { ...from, trace: traceOfSpan(span.spanContext(), from.trace) },
    };
  }

  function ended<T>({ sent, began, worker, span }: FollowedCall, made: Promise<T>): Promise<T> {
    return made.then(
      (value) => {
        durations?.call.record(seconds(clock) - began, sent.durations.of(undefined));
        if (worker !== undefined) worker.answered.value++;
        endSpan(span);
        return value;
      },
      (error) => {
        const type = errorType(error, sent.declared);
        durations?.call.record(seconds(clock) - began, sent.durations.of(type));
        if (worker !== undefined) {
          if (isFault(error) && error.from !== undefined) worker.refused.value++;
          else if (type === "UNAVAILABLE") worker.unreached.value++;
        }
        if (span !== undefined) {
          tellError(span, type, sent.declared.has(type), error);
          endSpan(span);
        }
        throw error;
      },
    );
  }

  return {
    ...caller,
    call(method, input, options, trail) {
      let sent = one.get(method);
      if (sent === undefined) {
        sent = callOf(signals, method, names.requests(method.service), names.requests(method.service));
        one.set(method, sent);
      }
      const followed = follow(sent, trail);
      return ended(followed, caller.call(method, input, options, followed.trail));
    },
    every(method, input, options, trail) {
      let sent = all.get(method);
      if (sent === undefined) {
        sent = callOf(signals, method, `${names.instanceExchange}:${method.service}`, method.service);
        all.set(method, sent);
      }
      const followed = follow(sent, trail);
      return ended(followed, caller.every(method, input, options, followed.trail));
    },
  };
}

function callOf(signals: Signals, { id, service, spec }: Method, destination: string, key: string): Sent {
  const { system, instance, counts } = signals;
  const messaging = {
    "messaging.system": system,
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.name": destination,
  };
  const rpc = { "rpc.system.name": "warren", "rpc.method": id };
  return {
    name: `send ${destination}`,
    attributes: {
      ...messaging,
      ...rpc,
      "messaging.rabbitmq.destination.routing_key": key,
      "messaging.client.id": instance,
      "warren.service": service,
      "warren.operation": id,
    },
    declared: new Set(Object.keys(spec.errors ?? {})),
    durations: byOutcome(rpc),
    sent: counts?.of("messaging.client.sent.messages", { ...messaging, operation: id }),
  };
}

/** Events: a span from the moment one is published until the broker has it. Also of what comes from an outbox. */
export function followedPublishing(
  signals: Signals,
  transport: Pick<Transport, "publish">,
): Pick<Transport, "publish"> {
  const { tracer, durations, clock, counts } = signals;
  const events = new Map<string, Sent>();
  const workers = workerCounts(signals);

  function sentAs({ type = "", exchange, key }: Outgoing): Sent {
    const known = events.get(type);
    if (known !== undefined) return known;
    const made = eventOf(signals, type, `${exchange}:${key}`, key);
    events.set(type, made);
    return made;
  }

  return {
    publish(message) {
      const sent = sentAs(message);
      const began = seconds(clock);
      if (counts !== undefined) {
        sent.sent!.value++;
        workers(message.type?.split(".", 1)[0]).requested.value++;
      }
      const parent = tracer && spanContextOf(message.headers);
      const span = isUnsampled(parent)
        ? undefined
        : tracer?.start(sent.name, { kind: SpanKind.PRODUCER }, contextFrom(parent));
      if (span?.isRecording())
        describeSpan(span, sent.attributes, {
          "messaging.message.id": message.messageId,
          "messaging.message.conversation_id": message.headers?.[headers.conversation] ?? message.messageId,
          "messaging.message.body.size": signals.bodySize ? message.body.length : undefined,
        });
      const traced =
        span === undefined
          ? message
          : {
              ...message,
              headers: { ...message.headers, ...traceOfSpan(span.spanContext(), message.headers) },
            };
      return transport.publish(traced).then(
        () => {
          durations?.operation.record(seconds(clock) - began, sent.durations.of(undefined));
          endSpan(span);
        },
        (error) => {
          const type = errorType(error, sent.declared);
          durations?.operation.record(seconds(clock) - began, sent.durations.of(type));
          if (span !== undefined) {
            tellError(span, type, false, error);
            endSpan(span);
          }
          throw error;
        },
      );
    },
  };
}

function eventOf({ system, instance, counts }: Signals, id: string, destination: string, key: string): Sent {
  const messaging = {
    "messaging.system": system,
    "messaging.operation.name": "publish",
    "messaging.operation.type": "send",
    "messaging.destination.name": destination,
  };
  const common = { ...messaging, operation: id };
  return {
    name: `publish ${destination}`,
    attributes: {
      ...messaging,
      "messaging.rabbitmq.destination.routing_key": key,
      "messaging.client.id": instance,
      "warren.operation": id,
    },
    declared: new Set(),
    durations: byOutcome(common),
    sent: counts?.of("messaging.client.sent.messages", common),
  };
}

interface WorkerCounts {
  readonly requested: Count;
  readonly answered: Count;
  readonly refused: Count;
  readonly unreached: Count;
}

/** What one service sends, and hears of it, as the dashboards of the seed name it. */
function workerCounts({ counts }: Signals): (service: string | undefined) => WorkerCounts {
  const known = new Map<string | undefined, WorkerCounts>();
  return (name) => {
    const there = known.get(name);
    if (there !== undefined) return there;
    const service = workerOf(name);
    const made: WorkerCounts = {
      requested: counts!.of("microservices_messages_sent_total", { service, type: "job_request" }),
      answered: counts!.of("microservices_messages_received_total", { service, type: "job_ack" }),
      refused: counts!.of("microservices_messages_received_total", { service, type: "error" }),
      unreached: counts!.of("microservices_job_errors_total", { service, error_type: "no_worker_available" }),
    };
    known.set(name, made);
    return made;
  };
}
