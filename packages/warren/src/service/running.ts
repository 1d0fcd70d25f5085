import { type Deadlines, deadlines } from "../deadlines.ts";
import { Fault } from "../fault.ts";
import type { Clock } from "../time.ts";
import type { Invocation } from "./invocation.ts";
import type { Handler } from "./middleware.ts";

/** The handler runs under way in a process: each ends by its deadline, whether the handler does or not. */
export interface Running {
  /**
   * What the handler gives, or a Fault TIMEOUT at the invocation's deadline; its signal is aborted then.
   * @throws Fault OVERLOADED while too many run on that were given up: each keeps its memory until it ends
   */
  run(handler: Handler, input: unknown, invocation: Invocation): unknown;
  /** Ends all of them with a Fault STOPPED, for when a drain takes too long. */
  abortAll(): void;
  /** `abortAll` was called: a Fault STOPPED says of this process that it ends, and not that something else has. */
  readonly aborted: boolean;
}

/** @param maxAbandoned how many handlers may run on after they were given up */
export function running(clock: Clock, maxAbandoned: number): Running {
  let abandoned = 0;
  let aborted = false;
  const waiting = new Set<Invocation>();
  const expiring: Deadlines<Invocation> = deadlines(clock, (invocation) =>
    end(invocation, "TIMEOUT", `No result of ${invocation.operation.id} by its deadline.`),
  );

  function end(invocation: Invocation, code: "TIMEOUT" | "STOPPED", reason: string): void {
    const fault = new Fault(code, { method: invocation.operation.id }, { message: reason });
    waiting.delete(invocation);
    abandoned++;
    expiring.remove(invocation);
    invocation.abort(fault);
    invocation.giveUp?.(fault);
  }

  function wait(result: Promise<unknown>, invocation: Invocation): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (!waiting.delete(invocation)) abandoned--;
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
      if (abandoned >= maxAbandoned) throw tooManyAbandoned(invocation.operation.id, maxAbandoned);
      const { work } = invocation;
      const result = work === undefined ? handler(input, invocation) : work.run(handler, input, invocation);
      if (result instanceof Promise) return wait(result, invocation);
      // Query builders and older libraries return promises of their own kind.
      return isThenable(result) ? wait(Promise.resolve(result), invocation) : result;
    },
    get aborted() {
      return aborted;
    },
    abortAll() {
      aborted = true;
      for (const invocation of [...waiting])
        end(
          invocation,
          "STOPPED",
          `${invocation.operation.id} was interrupted: the app stopped and its drain time is over.`,
        );
    },
  };
}

function tooManyAbandoned(id: string, limit: number): Fault {
  const message = `${id} was not run: ${limit} handlers run on past their deadline (limits.abandoned). Give their \`signal\` to what they wait for.`;
  return new Fault("OVERLOADED", { limit }, { message });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
