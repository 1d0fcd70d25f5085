import { type Attributes, context, type Span, SpanKind, trace } from "@opentelemetry/api";
import type { Codec } from "../codec/codec.ts";
import type { Method } from "../contract/method.ts";
import { isFault } from "../fault.ts";
import type { Outgoing } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Caller } from "../rpc/caller.ts";
import type { Trail } from "../trail.ts";
import type { Transport } from "../transport.ts";
import type { Count } from "./counts.ts";
import { describeSpan, tellError } from "./following.ts";
import { endSpan, type Spans } from "./guarded.ts";
import { type ByOutcome, byOutcome, workerOf } from "./labels.ts";
import { errorType } from "./outcome.ts";
import { type Signals, seconds } from "./signals.ts";
import { baggageIn, contextFrom, isUnsampled, spanContextOf, traceOfSpan } from "./w3c.ts";

/** What is made once for each method that is called, or event that is published. */
interface Sent {
  readonly name: string;
  readonly attributes: Attributes;
  readonly declared: ReadonlySet<string>;
  readonly durations: ByOutcome | undefined;
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
  const { tracer, counts, clock } = signals;
  const one = new WeakMap<Method, Sent>();
  const all = new WeakMap<Method, Sent>();
  const workers = workerCounts(signals);

  /** @param make makes the call. With what it is given, as a closure would be one more thing made per call */
  function follow<O, T>(
    sent: Sent,
    make: (method: Method, input: unknown, options: O, trail: Trail, codec?: Codec) => Promise<T>,
    method: Method,
    input: unknown,
    options: O,
    trail: Trail,
    codec: Codec | undefined,
  ): Promise<T> {
    const worker = counts && workers(trail.service);
    const began = worker === undefined ? 0 : seconds(clock);
    if (worker !== undefined) {
      sent.sent!.value++;
      worker.requested.value++;
    }
    const from = tracer === undefined ? trail : trailNow(trail);
    const span = tracer && begun(tracer, sent, from);
    const handed =
      span === undefined ? from : { ...from, trace: traceOfSpan(span.spanContext(), from.trace) };
    const made = make(method, input, options, handed, codec);
    const recorded = span?.isRecording() ? span : undefined;
    return worker === undefined && recorded === undefined ? made : ended(sent, began, worker, recorded, made);
  }

  /** @returns nothing where it is decided already that nothing of it is recorded */
  function begun(tracer: Spans, sent: Sent, { trace, conversation }: Trail): Span | undefined {
    const parent = spanContextOf(trace);
    if (isUnsampled(parent)) return undefined;
    const span = tracer.start(sent.name, { kind: SpanKind.CLIENT }, contextFrom(parent));
    if (span?.isRecording())
      describeSpan(span, sent.attributes, { "messaging.message.conversation_id": conversation });
    return span;
  }

  function ended<T>(
    sent: Sent,
    began: number,
    worker: WorkerCounts | undefined,
    span: Span | undefined,
    made: Promise<T>,
  ): Promise<T> {
    return made.then(
      (value) => {
        if (worker !== undefined) {
          sent.durations!.record(seconds(clock) - began, undefined);
          worker.answered.value++;
        }
        endSpan(span);
        return value;
      },
      (error) => {
        const type = errorType(error, sent.declared);
        if (worker !== undefined) {
          sent.durations!.record(seconds(clock) - began, type);
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
    call(method, input, options, trail, codec) {
      let sent = one.get(method);
      if (sent === undefined) {
        sent = callOf(signals, method, names.requests(method.service), names.requests(method.service));
        one.set(method, sent);
      }
      return follow(sent, caller.call, method, input, options, trail, codec);
    },
    every(method, input, options, trail, codec) {
      let sent = all.get(method);
      if (sent === undefined) {
        sent = callOf(signals, method, `${names.instanceExchange}:${method.service}`, method.service);
        all.set(method, sent);
      }
      return follow(sent, caller.every, method, input, options, trail, codec);
    },
  };
}

function callOf(signals: Signals, { id, service, spec }: Method, destination: string, key: string): Sent {
  const { system, instance, counts, durations } = signals;
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
    durations: durations && byOutcome(durations.call, rpc),
    sent: counts?.of("messaging.client.sent.messages", { ...messaging, operation: id }),
  };
}

/** Events: a span from the moment one is published until the broker has it. Also of what comes from an outbox. */
export function followedPublishing(
  signals: Signals,
  transport: Pick<Transport, "publish">,
): Pick<Transport, "publish"> {
  const { tracer, clock, counts } = signals;
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
          sent.durations?.record(seconds(clock) - began, undefined);
          endSpan(span);
        },
        (error) => {
          const type = errorType(error, sent.declared);
          sent.durations?.record(seconds(clock) - began, type);
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

function eventOf(
  { system, instance, counts, durations }: Signals,
  id: string,
  destination: string,
  key: string,
): Sent {
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
    durations: durations && byOutcome(durations.operation, common),
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
