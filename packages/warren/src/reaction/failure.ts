import type { RetryPolicy } from "../retry/policy.ts";

/** A part of what is done on an event has failed, and not the reaction's own `run`, whose errors are thrown as they are. */
export class Failure extends Error {
  /**
   * `undo-failed`: some undo. `gave-up-failed`: `gaveUp`, after the reaction. `given-up`: it is over, and `gaveUp` has said
   * so to others.
   */
  readonly kind: "undo-failed" | "gave-up-failed" | "given-up";
  /** What it is to be buried with. */
  readonly error: unknown;
  readonly retry: RetryPolicy;
  /** Which try of this part it was, where that is not the message's attempt. */
  readonly attempt: number | undefined;

  constructor(kind: Failure["kind"], error: unknown, retry: RetryPolicy, attempt?: number) {
    super(`A part of a reaction failed (${kind}).`, { cause: error });
    this.name = "Failure";
    this.kind = kind;
    this.error = error;
    this.retry = retry;
    this.attempt = attempt;
  }
}
