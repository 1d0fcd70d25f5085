import { type Attributes, context, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { maxBaggageBytes } from "../trail.ts";
import { endSpan, guarded } from "./guarded.ts";
import { bound, type Recorder } from "./instruments.ts";
import { type Signals, seconds } from "./signals.ts";
import { contextFrom, contextWith, spanContextOf } from "./w3c.ts";

/** A request as an edge knows it when it begins. */
export interface HttpRequest {
  readonly method: string;
  /** `http` or `https`. */
  readonly scheme: string;
  /** The template of its route; `undefined` where there is none, never the address itself. */
  readonly route: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A request that is being answered. */
export interface FollowedRequest {
  /** Runs what belongs to the request, so that the calls it makes are traced as its. */
  run(work: () => void): void;
  /** It is answered, with this status, or its client has gone. */
  end(status: number): void;
}

/** For edges: follows each request by OpenTelemetry's conventions for HTTP. */
export interface HttpTelemetry {
  begin(request: HttpRequest): FollowedRequest;
}

const verbs: ReadonlySet<string> = new Set(
  "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY".split(" "),
);

/** What requests of one route have in common. */
interface Route {
  readonly attributes: Attributes;
  readonly took: Map<number, Recorder>;
}

export function httpTelemetry(signals: Signals): HttpTelemetry {
  const { tracer, durations, clock } = signals;
  const known = new Map<string, Route>();

  /** What anybody may send as a verb is no label. */
  function routeOf({ method, scheme, route }: HttpRequest): Route {
    const verb = verbs.has(method) ? method : "_OTHER";
    const key = `${verb} ${scheme} ${route ?? ""}`;
    const there = known.get(key);
    if (there !== undefined) return there;
    const attributes = {
      "http.request.method": verb,
      "url.scheme": scheme,
      ...(route !== undefined && { "http.route": route }),
    };
    const made = { attributes, took: new Map() };
    known.set(key, made);
    return made;
  }

  function recorderOf({ attributes, took }: Route, status: number): Recorder | undefined {
    if (durations === undefined) return undefined;
    const there = took.get(status);
    if (there !== undefined) return there;
    const made = bound(durations.http, {
      ...attributes,
      "http.response.status_code": status,
      ...(status >= 500 && { "error.type": String(status) }),
    });
    took.set(status, made);
    return made;
  }

  return {
    begin(request) {
      const began = seconds(clock);
      const route = routeOf(request);
      const { attributes } = route;
      const verb = attributes["http.request.method"] === "_OTHER" ? "HTTP" : request.method;
      const carried = single(request.headers);
      const span = tracer?.start(
        request.route === undefined ? verb : `${verb} ${request.route}`,
        { kind: SpanKind.SERVER, attributes },
        contextFrom(spanContextOf(carried)),
      );
      let isOver = false;
      return {
        run: (work) => (span === undefined ? work() : context.with(contextWith(span, carried), work)),
        end(status) {
          if (isOver) return;
          isOver = true;
          recorderOf(route, status)?.record(seconds(clock) - began);
          if (span === undefined) return;
          guarded(() => {
            span.setAttribute("http.response.status_code", status);
            if (status < 500) return;
            span.setAttribute("error.type", String(status));
            span.setStatus({ code: SpanStatusCode.ERROR });
          });
          endSpan(span);
        },
      };
    },
  };
}

function single(headers: HttpRequest["headers"]): Record<string, string> {
  const carried: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate", "baggage"]) {
    const value = headers[name];
    if (typeof value === "string" && value.length <= maxBaggageBytes) carried[name] = value;
  }
  return carried;
}
