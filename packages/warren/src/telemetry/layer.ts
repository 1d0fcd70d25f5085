import { type Context, INVALID_SPAN_CONTEXT, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";

/**
 * A context with one value above those of another. The API's own copies a map and makes three functions for each, and there
 * are some for each message. What is set upon it is a context of the API's again, so that layers do not pile up.
 */
class Layer implements Context {
  readonly #key: symbol;
  readonly #value: unknown;
  readonly #below: Context;

  constructor(key: symbol, value: unknown, below: Context) {
    this.#key = key;
    this.#value = value;
    this.#below = below;
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#value : this.#below.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#flat().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#flat().deleteValue(key);
  }

  #flat(): Context {
    return this.#below.setValue(this.#key, this.#value);
  }
}

/** Under which the API keeps the span of a context, which it does not say. */
const spanKey = keyOfSpans();

function keyOfSpans(): symbol {
  let found!: symbol;
  const listening: Context = {
    getValue: () => undefined,
    setValue(key) {
      found = key;
      return ROOT_CONTEXT;
    },
    deleteValue: () => ROOT_CONTEXT,
  };
  trace.setSpan(listening, trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  return found;
}

/** What `trace.setSpan` does to the root context. */
export function contextOf(span: Span): Context {
  return new Layer(spanKey, span, ROOT_CONTEXT);
}
