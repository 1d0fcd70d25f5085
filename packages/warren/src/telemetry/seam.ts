import { type Attributes, type Link, SpanKind } from "@opentelemetry/api";
import type { Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import { attemptOf } from "../retry/attempt.ts";
import { describeSpan, type Followed, FollowedWork } from "./following.ts";
import { bound } from "./instruments.ts";
import { byOutcome, queueLabel, workerOf } from "./labels.ts";
import { otherError } from "./outcome.ts";
import type { Seam, SeamOptions } from "./probe.ts";
import type { Signals } from "./signals.ts";
import { contextFrom, isUnsampled, spanContextOf } from "./w3c.ts";

const kinds = {
  // Of a call somebody waits for the answer, which pairs with its caller's span; of an event nobody does.
  method: SpanKind.SERVER,
  event: SpanKind.CONSUMER,
  schedule: SpanKind.INTERNAL,
  step: SpanKind.INTERNAL,
} as const;

/** What is made once for one kind of work: its name, its labels, its counts. */
export function seamOf(signals: Signals, options: SeamOptions): Seam {
  const { operation, queue } = options;
  const { service } = operation;
  const usual = followedFrom(signals, options, queue && queueLabel(queue, service));
  // An instance answers those to any instance and those to itself alike. Most never get one of the latter.
  let own = operation.kind === "method" ? undefined : usual;
  const requests = names.requests(service);
  return {
    begin(message, causes) {
      let followed = usual;
      if (message.key !== requests) {
        own ??= followedFrom(signals, options, `${service}.instance`);
        followed = own;
      }
      return { ...message, work: begun(followed, message, causes) };
    },
  };
}

function begun(
  followed: Followed,
  message: Incoming,
  causes: readonly (string | null | undefined)[] | undefined,
): FollowedWork {
  const { signals, name, kind, attributes } = followed;
  if (followed.consumed !== undefined) {
    followed.consumed.value++;
    followed.received!.value++;
  }
  const { tracer } = signals;
  if (tracer === undefined) return new FollowedWork(followed, message, undefined);
  const parent = spanContextOf(message.headers);
  if (isUnsampled(parent)) return new FollowedWork(followed, message, parent);
  const links = causes === undefined ? linksOf(message) : linksTo(causes);
  const span = tracer.start(name, links === undefined ? { kind } : { kind, links }, contextFrom(parent));
  if (span?.isRecording()) {
    const { messageId } = message;
    const named = message.headers?.[headers.conversation];
    const attempt = attemptOf(message);
    describeSpan(span, attributes, {
      "messaging.message.id": messageId,
      "messaging.message.conversation_id": named ?? messageId,
      "warren.attempt": attempt > 1 ? attempt : undefined,
      "messaging.message.body.size": signals.bodySize ? message.body.length : undefined,
    });
  }
  return new FollowedWork(followed, message, span ?? parent);
}

function linksTo(causes: readonly (string | null | undefined)[]): Link[] {
  return [...new Set(causes)].flatMap((traceparent) => {
    const context = spanContextOf({ traceparent });
    return context === undefined ? [] : { context };
  });
}

/** A try again: the one before it, in this process or, as the message says, in another. */
function linksOf({ work, headers: all }: Incoming): Link[] | undefined {
  const before = spanContextOf(work?.trace);
  if (before !== undefined) return [{ context: before }];
  const failed = all?.[headers.failedTrace];
  const context = failed === undefined ? undefined : spanContextOf({ traceparent: failed });
  return context && [{ context }];
}

function followedFrom(
  signals: Signals,
  { operation, declared = [], isUndo = false }: SeamOptions,
  queue: string | undefined,
): Followed {
  const { system, instance, counts, durations } = signals;
  const { id, service, kind } = operation;
  const isMethod = kind === "method";
  const messaging: Attributes =
    queue === undefined
      ? {}
      : {
          "messaging.system": system,
          "messaging.operation.name": "process",
          "messaging.destination.name": queue,
        };
  const common: Attributes = { ...messaging, service, operation: id };
  const worker = workerOf(service);
  return {
    signals,
    name: queue === undefined ? `${isUndo ? "undo" : "run"} ${id}` : `process ${queue}`,
    kind: kinds[kind],
    attributes: {
      ...messaging,
      ...(queue !== undefined && { "messaging.operation.type": "process" }),
      ...(isMethod && { "rpc.system.name": "warren", "rpc.method": id }),
      ...(queue !== undefined && !isMethod && { "messaging.rabbitmq.destination.routing_key": id }),
      "messaging.client.id": instance,
      "warren.service": service,
      "warren.operation": id,
    },
    declared: new Set(declared),
    undeclared: isMethod ? "INTERNAL" : otherError,
    durations: queue === undefined ? undefined : durations && byOutcome(durations.process, common),
    job:
      queue === undefined
        ? undefined
        : durations && bound(durations.job, { service: worker, job_type: "job_processing" }),
    consumed: queue === undefined ? undefined : counts?.of("messaging.client.consumed.messages", common),
    received: counts?.of("microservices_messages_received_total", { service: worker, type: "job_request" }),
    activated: counts?.of("microservices_messages_received_total", {
      service: worker,
      type: "job_activated",
    }),
    acknowledged: counts?.of("microservices_messages_sent_total", { service: worker, type: "job_ack" }),
    faults: isMethod
      ? counts?.of("microservices_messages_sent_total", { service: worker, type: "error" })
      : undefined,
    active: counts?.of("warren.handlers.active", { service }),
  };
}
