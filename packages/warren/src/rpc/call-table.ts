import { deadlines } from "../deadlines.ts";
import type { Fault } from "../fault.ts";
import type { Clock } from "../time.ts";
import { cancelled } from "./call-faults.ts";
import type { Pending } from "./pending.ts";

/** The calls that wait for an answer, by their ids. Each ends once: by `finish`, by `fail`, or by its deadline. */
export interface CallTable {
  readonly size: number;
  /** What their bodies take together: each is kept, to be sent again. */
  readonly bytes: number;
  get(id: string | undefined): Pending | undefined;
  has(call: Pending): boolean;
  all(): Pending[];
  add(call: Pending, signal: AbortSignal | undefined): void;
  finish(call: Pending, value: unknown): void;
  fail(call: Pending, error: unknown): void;
  /** Resolves when none is left. */
  idle(): Promise<void>;
}

/** `overdue` says what a call that reached its deadline ends with; one to every instance ends with what was collected. */
export function callTable(clock: Clock, overdue: (call: Pending) => Fault): CallTable {
  const pending = new Map<string, Pending>();
  const expiring = deadlines<Pending>(clock, expire);
  let bytes = 0;
  let idlers: (() => void)[] = [];

  function expire(call: Pending): void {
    if (call.answers === undefined) fail(call, overdue(call));
    else finish(call, call.answers);
  }

  function forget(call: Pending): boolean {
    if (!pending.delete(call.id)) return false;
    bytes -= call.body.length;
    expiring.remove(call);
    call.dispose?.();
    if (pending.size > 0 || idlers.length === 0) return true;
    for (const idle of idlers) idle();
    idlers = [];
    return true;
  }

  function finish(call: Pending, value: unknown): void {
    if (forget(call)) call.resolve(value);
  }

  function fail(call: Pending, error: unknown): void {
    if (forget(call)) call.reject(error);
  }

  return {
    get size() {
      return pending.size;
    },
    get bytes() {
      return bytes;
    },
    get: (id) => (id === undefined ? undefined : pending.get(id)),
    has: (call) => pending.has(call.id),
    all: () => [...pending.values()],
    add(call, signal) {
      pending.set(call.id, call);
      bytes += call.body.length;
      expiring.add(call);
      if (signal === undefined) return;
      const cancel = (): void => fail(call, cancelled(call.plan, signal));
      signal.addEventListener("abort", cancel, { once: true });
      call.dispose = () => signal.removeEventListener("abort", cancel);
    },
    finish,
    fail,
    idle: () => (pending.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
  };
}
