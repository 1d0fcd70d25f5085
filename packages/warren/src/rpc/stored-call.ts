import type { Incoming } from "../message.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import type { Running } from "../service/running.ts";
import { inUnit } from "../store/in-unit.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import type { Disposition } from "../transport.ts";
import type { Answering } from "./answering.ts";
import { admit, type Served } from "./served.ts";

export interface StoredCallOptions {
  readonly scope: InvocationScope;
  readonly runtime: StoreRuntime;
  readonly running: Running;
  readonly answering: Answering;
  /** The validated input. @throws Fault BAD_MESSAGE, INVALID_INPUT */
  readonly read: (served: Served, message: Incoming) => unknown;
  /** What follows from a handler's error. */
  readonly failed: (served: Served, message: Incoming, error: unknown) => Disposition | Promise<Disposition>;
}

/** Runs the method that a request asks for, by `deadline`, and answers. */
export type RunCall = (served: Served, message: Incoming, deadline: number) => Promise<Disposition>;

/**
 * For methods of a service with a store: what the handler changed and emitted commits when its answer is good and
 * encoded, and only then the caller is told. Any fault undoes it, and so does giving the handler up.
 */
export function storedCall(options: StoredCallOptions): RunCall {
  const { scope, runtime, running, answering, read, failed } = options;

  return async function run(served, message, deadline) {
    const unit = runtime.unit();
    const invocation = new Invocation(scope, served.operation, message, deadline, served.fail, unit);
    let body: Uint8Array;
    try {
      body = await inUnit(unit, async () => {
        admit(served, invocation);
        const output = await running.run(served.handler, await read(served, message), invocation);
        return answering.encode(served.plan, output, message);
      });
    } catch (error) {
      return failed(served, message, error);
    }
    return answering.reply(message, body);
  };
}
