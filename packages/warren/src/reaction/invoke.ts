import type { Incoming } from "../message.ts";
import type { Operation } from "../service/context.ts";
import type { Told } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import type { Unit } from "../store/unit.ts";

/** A handler, and as what it runs. */
export interface Job {
  readonly handler: Handler;
  readonly operation: Operation;
  readonly timeoutMs: number;
}

/** One try of it, by its timeout. */
export type Invoke = (job: Job, message: Incoming, event: unknown, unit?: Unit, told?: Told) => unknown;
