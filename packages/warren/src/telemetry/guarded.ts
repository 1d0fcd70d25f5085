import {
  type Attributes,
  type Context,
  diag,
  type Histogram,
  type Span,
  type SpanOptions,
  type Tracer,
} from "@opentelemetry/api";
import type { Recorder } from "./instruments.ts";

/** Makes spans. Gives none where that fails: what is not traced is done all the same. */
export interface Spans {
  start(name: string, options: SpanOptions, parent: Context): Span | undefined;
}

// Samplers, processors and instruments are often somebody's own, and run within the calls and events that they are told
// of: what they throw must not be taken for a failure of these.

export function guardedTracer(tracer: Tracer): Spans {
  return {
    start(name, options, parent) {
      try {
        return tracer.startSpan(name, options, parent);
      } catch (error) {
        diag.error("a span could not be begun", error);
        return undefined;
      }
    },
  };
}

export function endSpan(span: Span | undefined): void {
  try {
    span?.end();
  } catch (error) {
    diag.error("a span could not be ended", error);
  }
}

export function guardedRecorder(histogram: Histogram, attributes: Attributes): Recorder {
  return {
    record(value) {
      try {
        histogram.record(value, attributes);
      } catch (error) {
        diag.error("a duration could not be recorded", error);
      }
    },
  };
}

/** For what is told of a span between its beginning and its end. */
export function guarded(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    diag.error("a span could not be described", error);
  }
}
