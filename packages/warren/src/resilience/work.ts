import { defaultTimeoutMs } from "../contract/method.ts";
import type { Principal } from "../principal.ts";
import type { MakeCall, OutgoingCall } from "../rpc/outgoing.ts";
import type { Context, Operation } from "../service/context.ts";
import type { Handler } from "../service/middleware.ts";
import type { Clock } from "../time.ts";

/** What is about to be done, whichever side of a call it is. */
export interface Guarded {
  /** `call`: one that this process makes. Otherwise a handler of this process is to run. */
  readonly kind: "call" | Operation["kind"];
  /** `<service>.<method>`, `<service>.<event>` and so on. */
  readonly id: string;
  /** The service that does it: the one that is called, or whose handler it is. */
  readonly service: string;
  readonly principal: Principal | undefined;
}

export interface Work extends Guarded {
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** Aborted when nobody wants it any longer; for a handler also at the deadline. */
  readonly signal: AbortSignal | undefined;
  /** Does it. A call gets what is left until its deadline. */
  run(): unknown;
}

/** With getters, since a context makes principal and signal only for those who ask. */
export function handlerWork(next: Handler, input: unknown, context: Context): Work {
  const { kind, id, service } = context.operation;
  return {
    kind,
    id,
    service,
    get principal() {
      return context.principal;
    },
    deadline: context.deadline,
    get signal() {
      return context.signal;
    },
    run: () => next(input, context),
  };
}

export function callWork(next: MakeCall, call: OutgoingCall, clock: Clock): Work {
  const { method, options, trail } = call;
  const timeoutMs = options.timeoutMs ?? method.spec.timeoutMs ?? defaultTimeoutMs;
  const deadline = Math.min(clock.now() + timeoutMs, trail.deadline ?? Number.POSITIVE_INFINITY);
  return {
    kind: "call",
    id: method.id,
    service: method.service,
    principal: options.principal ?? trail.principal,
    deadline,
    signal: options.signal,
    run() {
      const leftMs = deadline - clock.now();
      return next(leftMs === timeoutMs ? call : { ...call, options: { ...options, timeoutMs: leftMs } });
    },
  };
}

/** How the faults that refuse it name it. */
export function about({ id, service }: Guarded): { readonly service: string; readonly method: string } {
  return { service, method: id };
}

/** `stock.reserve was not called`. */
export function notDone({ kind, id }: Guarded): string {
  return `${id} was not ${kind === "call" ? "called" : "run"}`;
}
