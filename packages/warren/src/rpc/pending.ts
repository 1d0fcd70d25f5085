import type { Expiring } from "../deadlines.ts";
import type { Headers } from "../message.ts";
import type { Answer } from "./client.ts";
import type { CallPlan } from "./plan.ts";

/** A call that waits for its answer, with what it takes to send it again. */
export interface Pending extends Expiring {
  readonly id: string;
  readonly plan: CallPlan;
  readonly exchange: string;
  readonly key: string;
  /** The one instance that shall answer. */
  readonly to: string | undefined;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly headers: Headers;
  readonly timeoutMs: number;
  readonly ifDown: "wait" | "fail";
  /** Running it twice does no harm: it is idempotent, or has a key. */
  readonly isRepeatable: boolean;
  /** The address its reply goes to; `undefined` while it is not sent. */
  sentTo: string | undefined;
  /** Collected so far, for a call to every instance. */
  readonly answers: Answer<unknown, never>[] | undefined;
  readonly expect: number;
  readonly resolve: (value: any) => void;
  readonly reject: (error: unknown) => void;
  dispose?: () => void;
}
