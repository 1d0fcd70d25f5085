import { aboutMessage } from "../about-message.ts";
import type { Codec } from "../codec/codec.ts";
import { decoded } from "../codec/payload.ts";
import { isFault } from "../fault.ts";
import { type Random, randomId } from "../id.ts";
import type { Answer, CallKey, Claim, Run } from "../inbox/answers.ts";
import { callerOf, fingerprint } from "../inbox/fingerprint.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";
import { Invocation } from "../service/invocation.ts";
import { inUnit } from "../store/in-unit.ts";
import { type Clock, delay } from "../time.ts";
import type { Disposition } from "../transport.ts";
import { checkedKey, keyInUse, keyReused } from "./key.ts";
import { admit, type Served } from "./served.ts";
import type { RunCall, StoredCallOptions } from "./stored-call.ts";

export interface KeyedCallOptions extends StoredCallOptions {
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * How many calls of one instance wait at once for another one with their key. Each holds a place among those worked
 * on, which the one that they wait for may need to get on.
 */
const maxWaiting = 10;
const longestPauseMs = 100;
/** What is left of its time, at least, when a call that waited for another one is told so. */
const leastLeftMs = 50;

/** It was taken for dead, and another run has the call now. */
class Overtaken extends Error {}

/** One request with a key. */
interface Keyed {
  readonly served: Served;
  readonly message: Incoming;
  readonly deadline: number;
  readonly key: CallKey;
  readonly inputHash: string;
  readonly input: unknown;
}

/**
 * For calls with a key: the first runs, and its answer is noted together with what it changed. Any later one with the
 * same method, key and caller is given that answer, and one that comes meanwhile waits for it. What is no answer, such
 * as INTERNAL, is not kept: it may be tried again.
 */
export function keyedCall(options: KeyedCallOptions): RunCall {
  const { scope, runtime, running, answering, codec, clock, random, read, failed } = options;
  let waiting = 0;

  async function keyedOf(served: Served, message: Incoming, deadline: number): Promise<Keyed> {
    const { plan } = served;
    const invocation = new Invocation(scope, served.operation, message, deadline, served.fail);
    const key = checkedKey(message.headers![headers.key]!, plan);
    // Also where an answer is known: who may ask is decided anew each time.
    admit(served, invocation);
    return {
      served,
      message,
      deadline,
      key: { method: plan.id, caller: callerOf(invocation.principal), key },
      inputHash: fingerprint(plan.input === undefined ? undefined : decoded(codec, message)),
      input: await read(served, message),
    };
  }

  /** `held` where it was still so when there was no more time to wait. */
  async function claim(keyed: Keyed, run: Run): Promise<Claim> {
    const first = await runtime.answers.claim(keyed.key, run);
    if (first.is !== "held" || waiting >= maxWaiting) return first;
    waiting++;
    try {
      return await claimByAndBy(keyed, run);
    } finally {
      waiting--;
    }
  }

  async function claimByAndBy({ key, deadline }: Keyed, run: Run): Promise<Claim> {
    const until = deadline - Math.max(leastLeftMs, (deadline - clock.now()) / 10);
    for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const leftMs = until - clock.now();
      if (leftMs <= 0 || running.aborted) return { is: "held" };
      await delay(clock, Math.min(pauseMs, leftMs));
      const claim = await runtime.answers.claim(key, run);
      if (claim.is !== "held") return claim;
    }
  }

  async function answer(keyed: Keyed): Promise<Disposition> {
    const { served, message, deadline, inputHash } = keyed;
    const { messageId, redelivered, replyTo } = message;
    const id = randomId(random);
    // Nobody waits to be told of the fault again: it is wanted for what it does, as by whoever replayed a dead letter.
    const overFault = replyTo === undefined;
    const run: Run = { id, messageId, redelivered, inputHash, until: deadline, overFault };
    const claimed = await claim(keyed, run);
    switch (claimed.is) {
      case "mine":
        return carryOut(keyed, run);
      case "answered":
        return send(message, claimed.answer);
      case "reused":
        return answering.answerFault(message, keyReused(served.plan));
      case "held":
        // Another instance may wait on.
        return running.aborted ? "requeue" : answering.answerFault(message, keyInUse(served.plan));
    }
  }

  async function carryOut(keyed: Keyed, run: Run): Promise<Disposition> {
    const { served, message, deadline, key, input } = keyed;
    const unit = runtime.unit();
    const invocation = new Invocation(scope, served.operation, message, deadline, served.fail, unit);
    const work = async (): Promise<Answer> => {
      const output = await running.run(served.handler, input, invocation);
      const body = await answering.encode(served.plan, output);
      return { fault: undefined, contentType: codec.contentType, body };
    };
    let done: Answer;
    try {
      done = await inUnit(unit, work, async (sql, answer) => {
        if (!(await runtime.answers.note(sql, key, run, answer))) throw new Overtaken();
      });
    } catch (error) {
      return error instanceof Overtaken
        ? handle(served, message, deadline)
        : answerFailure(keyed, run, error);
    }
    return send(message, done);
  }

  /** A declared fault is an answer as well, and is kept; what the handler changed before is undone. */
  async function answerFailure(keyed: Keyed, run: Run, error: unknown): Promise<Disposition> {
    const { served, message, deadline, key } = keyed;
    const isNoAnswer = !isFault(error) || !Object.hasOwn(served.errors, error.code);
    if (isNoAnswer || message.replyTo === undefined) {
      // Before the caller is told, who may try again at once.
      await release(message, key, run);
      return failed(served, message, error);
    }
    const { code, body, isDeclared } = await answering.tell(served, message, error);
    const told = { fault: code, contentType: codec.contentType, body };
    if (!isDeclared) await release(message, key, run);
    else if (!(await runtime.answers.note(runtime.store, key, run, told)))
      return handle(served, message, deadline);
    return send(message, told);
  }

  async function release(message: Incoming, key: CallKey, run: Run): Promise<void> {
    try {
      await runtime.answers.release(key, run);
    } catch (err) {
      scope.log.warn(
        { ...aboutMessage(message), err },
        "a key could not be given back; it is free after the deadline",
      );
    }
  }

  function send(message: Incoming, { fault, contentType, body }: Answer): Disposition | Promise<Disposition> {
    return answering.reply(message, body, fault, contentType);
  }

  /** From the start where it was overtaken: a handler may have changed the input it was given. */
  async function handle(served: Served, message: Incoming, deadline: number): Promise<Disposition> {
    try {
      return await answer(await keyedOf(served, message, deadline));
    } catch (error) {
      return failed(served, message, error);
    }
  }

  return handle;
}
