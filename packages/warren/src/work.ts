import type { Headers } from "./message.ts";

/** One try of working on a message, while telemetry follows it. Made by `Seam.begin`. */
export interface Work {
  /** What the messages that it causes carry on; `undefined` where only what came with the message is handed on. */
  readonly trace: Headers | undefined;
  /** Runs the handler, so that whatever is traced within belongs to this work. */
  run(handler: (input: any, context: any) => unknown, input: unknown, context: unknown): unknown;
  /** It fails, for this reason; the first one counts. What is still to be done about it belongs to the work. */
  fail(error: unknown): void;
  /** It is over, and done unless it failed. Only the first time counts. */
  end(): void;
}
