import { json } from "../codec/json.ts";
import { reading } from "../codec/reading.ts";
import { isFault } from "../fault.ts";
import { idSource, randomId, systemRandom } from "../id.ts";
import { silent } from "../log.ts";
import { textOf } from "../retry/error-text.ts";
import { type Caller, caller } from "../rpc/caller.ts";
import type { Clock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { conversationsMethod, type Question } from "./question.ts";

/** Whom one asks in vain, and why: what they know is missing. */
export interface Unanswered {
  readonly who: string;
  readonly why: string;
}

/** Asks one instance of a service; `undefined` where it gives no answer, or has no store to answer from. */
export type Ask = <A>(
  service: string,
  question: Question,
  unanswered: Map<string, string>,
) => Promise<A | undefined>;

/** Calls without an app, for tools. A service that gave no answer is not asked again for the same question of a person. */
export function asking(transport: Transport, clock: Clock, timeoutMs: number): Ask {
  const calls: Caller = caller({
    ...{
      transport,
      codec: json,
      reading: reading([], transport.maxMessageBytes),
      clock,
      log: silent,
      maxCalls: 10_000,
      maxCallBytes: 2 ** 28,
    },
    nextId: idSource(randomId(systemRandom, 12)),
    maxBytes: transport.maxMessageBytes,
  });
  let started: Promise<void> | undefined;
  return async function ask<A>(service: string, question: Question, unanswered: Map<string, string>) {
    if (unanswered.has(service)) return undefined;
    started ??= calls.start();
    await started;
    try {
      const method = conversationsMethod(service);
      return (await calls.call(method, question, { timeoutMs, ifDown: "fail" }, {})) as A;
    } catch (error) {
      // A service without a store, or of an earlier version of Warren.
      if (!isFault(error) || error.code !== "UNKNOWN_METHOD") unanswered.set(service, textOf(error));
      return undefined;
    }
  };
}
