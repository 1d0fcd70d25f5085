import {
  type Attributes,
  context,
  type Span,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
} from "@opentelemetry/api";
import type { Headers, Incoming } from "../message.ts";
import { textOf } from "../retry/error-text.ts";
import type { Work } from "../work.ts";
import type { Count } from "./counts.ts";
import { endSpan, guarded } from "./guarded.ts";
import type { Recorder } from "./instruments.ts";
import type { ByOutcome } from "./labels.ts";
import { errorType } from "./outcome.ts";
import { type Signals, seconds } from "./signals.ts";
import { contextWith, traceOfSpan } from "./w3c.ts";

/** What all work of one kind has in common. */
export interface Followed {
  readonly signals: Signals;
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** The codes of the faults that are answers. */
  readonly declared: ReadonlySet<string>;
  /** What any other error is called. */
  readonly undeclared: string;
  readonly durations: ByOutcome | undefined;
  readonly job: Recorder | undefined;
  readonly consumed: Count | undefined;
  readonly received: Count | undefined;
  readonly activated: Count | undefined;
  readonly acknowledged: Count | undefined;
  /** Where a failure is an answer. */
  readonly faults: Count | undefined;
  readonly active: Count | undefined;
}

/** One try. A class, since one is made per message. */
export class FollowedWork implements Work {
  readonly #followed: Followed;
  /** Its span; or where it comes from, where nothing is recorded of that. */
  readonly #of: Span | SpanContext | undefined;
  readonly #span: Span | undefined;
  readonly #carried: Headers | undefined;
  readonly #began: number;
  #trace: Headers | undefined;
  /** Of what it failed with. */
  #type: string | undefined;
  #isActive = false;
  #isOver = false;

  constructor(followed: Followed, message: Incoming, of: Span | SpanContext | undefined) {
    this.#followed = followed;
    this.#of = of;
    this.#span = of !== undefined && "spanContext" in of ? of : undefined;
    this.#carried = message.headers;
    this.#began = followed.durations === undefined ? 0 : seconds(followed.signals.clock);
  }

  /** Written out when it is asked for: most handlers send nothing. */
  get trace(): Headers | undefined {
    if (this.#span !== undefined) this.#trace ??= traceOfSpan(this.#span.spanContext(), this.#carried);
    return this.#trace;
  }

  run(handler: (input: any, context: any) => unknown, input: unknown, given: unknown): unknown {
    const { activated, active } = this.#followed;
    if (!this.#isActive && active !== undefined) {
      this.#isActive = true;
      active.value++;
      activated!.value++;
    }
    if (this.#of === undefined) return handler(input, given);
    return context.with(contextWith(this.#of, this.#carried), handler, undefined, input, given);
  }

  fail(error: unknown): void {
    if (this.#type !== undefined || this.#isOver) return;
    const { declared, undeclared } = this.#followed;
    this.#type = errorType(error, declared, undeclared);
    if (this.#span !== undefined) tellError(this.#span, this.#type, declared.has(this.#type), error);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#followed.signals.durations !== undefined) this.#count(this.#type);
    endSpan(this.#span);
  }

  #count(type: string | undefined): void {
    const { active, acknowledged, faults, durations, job, signals } = this.#followed;
    if (this.#isActive) active!.value--;
    if (type === undefined) acknowledged!.value++;
    else if (faults !== undefined) faults.value++;
    if (durations === undefined) return;
    const took = seconds(signals.clock) - this.#began;
    durations.record(took, type);
    job!.record(took);
  }
}

/** What spans keep of an error: thousands of them wait in memory for a collector. */
const maxMessageChars = 2_000;
const maxStackChars = 8_000;

function messageOf(error: unknown): string {
  return error instanceof Error
    ? String(error.message).slice(0, maxMessageChars)
    : textOf(error, maxMessageChars);
}

/** A declared fault is an answer that the contract promises: it is told, and is no failure. */
export function tellError(span: Span, type: string, isDeclared: boolean, error: unknown): void {
  if (!span.isRecording()) return;
  guarded(() => {
    span.setAttribute("error.type", type);
    if (isDeclared) return;
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    if (error instanceof Error)
      span.recordException({
        name: error.name,
        message: messageOf(error),
        stack: String(error.stack).slice(0, maxStackChars),
      });
  });
}

/**
 * Says of a span that is recorded what it is about. Not when it begins: most are sampled out then, and what nobody keeps
 * costs as much to look through. Samplers have its name and its kind.
 */
export function describeSpan(span: Span, known: Attributes, more: Attributes): void {
  const kept = (span as { readonly attributes?: Attributes }).attributes;
  if (kept === undefined) {
    span.setAttributes(known).setAttributes(more);
    return;
  }
  // The SDK's own spans have them in a plain object. Through `setAttribute` each would be checked for being a value, which
  // costs more than the rest of the span.
  Object.assign(kept, known);
  for (const name in more) if (more[name] !== undefined) kept[name] = more[name];
}
