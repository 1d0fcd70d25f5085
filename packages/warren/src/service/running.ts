import { type Deadlines, deadlines } from "../deadlines.ts";
import { Fault } from "../fault.ts";
import type { Clock } from "../time.ts";
import type { Invocation } from "./invocation.ts";
import type { Handler } from "./middleware.ts";

/** The handler runs under way in a process: each ends by its deadline, whether the handler does or not. */
export interface Running {
  /** What the handler gives, or a Fault TIMEOUT at the invocation's deadline; its signal is aborted then. */
  run(handler: Handler, input: unknown, invocation: Invocation): unknown;
  /** Ends all of them with a Fault STOPPED, for when a drain takes too long. */
  abortAll(): void;
}

export function running(clock: Clock): Running {
  const waiting = new Set<Invocation>();
  const expiring: Deadlines<Invocation> = deadlines(clock, (invocation) =>
    end(invocation, "TIMEOUT", `No result of ${invocation.operation.id} by its deadline.`),
  );

  function end(invocation: Invocation, code: "TIMEOUT" | "STOPPED", reason: string): void {
    const fault = new Fault(code, { method: invocation.operation.id }, { message: reason });
    waiting.delete(invocation);
    expiring.remove(invocation);
    invocation.abort(fault);
    invocation.giveUp?.(fault);
  }

  function wait(result: Promise<unknown>, invocation: Invocation): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        waiting.delete(invocation);
        expiring.remove(invocation);
      };
      invocation.giveUp = reject;
      waiting.add(invocation);
      expiring.add(invocation);
      result.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error) => {
          settle();
          reject(error);
        },
      );
    });
  }

  return {
    run(handler, input, invocation) {
      const result = handler(input, invocation);
      if (result instanceof Promise) return wait(result, invocation);
      // Query builders and older libraries return promises of their own kind.
      return isThenable(result) ? wait(Promise.resolve(result), invocation) : result;
    },
    abortAll() {
      for (const invocation of [...waiting])
        end(
          invocation,
          "STOPPED",
          `${invocation.operation.id} was interrupted: the app stopped and its drain time is over.`,
        );
    },
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
