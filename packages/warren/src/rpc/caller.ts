import type { Codec } from "../codec/codec.ts";
import { type Compression, contentEncodings, isLarge, type Packed, packed } from "../codec/compression.ts";
import { encoded } from "../codec/payload.ts";
import type { Reading } from "../codec/reading.ts";
import type { Method } from "../contract/method.ts";
import { validated } from "../contract/schema.ts";
import { isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { HeaderValue, Incoming, Outgoing } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Clock } from "../time.ts";
import { leaveTrail, type Trail } from "../trail.ts";
import type { QueueState, Replies, Transport } from "../transport.ts";
import * as faults from "./call-faults.ts";
import { callTable } from "./call-table.ts";
import type { Answer, CallOptions, EveryOptions } from "./client.ts";
import { checkedKey, toEveryInstance } from "./key.ts";
import type { Pending } from "./pending.ts";
import { type CallPlan, callPlan } from "./plan.ts";
import { settle } from "./settle.ts";

export interface CallerOptions {
  readonly transport: Transport;
  /** What inputs are written in where a call says nothing else. */
  readonly codec: Codec;
  readonly reading: Reading;
  readonly compression?: Compression | undefined;
  readonly clock: Clock;
  readonly nextId: () => string;
  readonly log: Logger;
  readonly maxCalls: number;
  readonly maxCallBytes: number;
  readonly maxBytes: number;
}

/** Makes calls: sends requests, and matches replies to them by id until the deadline. */
export interface Caller {
  start(): Promise<void>;
  call(method: Method, input: unknown, options: CallOptions, trail: Trail, codec?: Codec): Promise<unknown>;
  every(
    method: Method,
    input: unknown,
    options: EveryOptions,
    trail: Trail,
    codec?: Codec,
  ): Promise<readonly Answer<unknown, never>[]>;
  /** Resolves when no call waits for an answer. */
  idle(): Promise<void>;
  /** Takes no more calls; those waiting fail with STOPPED. */
  stop(): void;
}

/** Every call ends, and its deadline is a number that any broker can read: 49 days, RabbitMQ's longest expiration. */
const longestTimeoutMs = 2 ** 32 - 1;
const acceptedEncodings = contentEncodings.join(", ");

/** One call as it was asked for. */
interface Asked {
  readonly plan: CallPlan;
  readonly options: CallOptions & EveryOptions;
  readonly trail: Trail;
  readonly codec: Codec;
  readonly every: boolean;
  readonly resolve: (value: any) => void;
  readonly reject: (error: unknown) => void;
}

export function caller(options: CallerOptions): Caller {
  const {
    codec: usual,
    transport,
    reading,
    compression,
    clock,
    nextId,
    log,
    maxCalls,
    maxCallBytes,
    maxBytes,
  } = options;
  const calls = callTable(clock, (call) =>
    call.sentTo === undefined ? faults.neverSent(call, whyNot()) : faults.timedOut(call),
  );
  const inspections = new Map<string, Promise<QueueState | undefined>>();
  let replies: Replies | undefined;
  let stopped = false;
  let unwatch = (): void => {};

  function whyNot(): string {
    return transport.state.reason ?? "the broker takes no messages";
  }

  /** @throws what a call is refused with before anything is done */
  function admit(plan: CallPlan, signal: AbortSignal | undefined): void {
    if (stopped) throw faults.refusedBy("STOPPED", plan, "this app is stopped");
    if (replies === undefined)
      throw faults.refusedBy("UNAVAILABLE", plan, "this app has not started; await app.start() first");
    if (calls.size >= maxCalls) throw faults.tooMany(plan, maxCalls);
    if (signal?.aborted) throw faults.cancelled(plan, signal);
  }

  function start(
    plan: CallPlan,
    input: unknown,
    options: CallOptions & EveryOptions,
    trail: Trail,
    every: boolean,
    codec = usual,
  ): Promise<any> {
    return new Promise((resolve, reject) => {
      admit(plan, options.signal);
      const asked: Asked = { plan, options, trail, codec, every, resolve, reject };
      const checked =
        plan.input === undefined ? undefined : validated(plan.input, input, "INVALID_INPUT", plan.inputName);
      if (checked instanceof Promise) checked.then((value) => enter(asked, value)).catch(reject);
      else enter(asked, checked);
    });
  }

  function enter(asked: Asked, input: unknown): void {
    const { plan, options, codec, reject } = asked;
    admit(plan, options.signal);
    const body = encoded(codec, input, plan.inputName, maxBytes, "INVALID_INPUT");
    if (!isLarge(compression, body)) return register(asked, body, undefined);
    packed(compression, body)
      .then((smaller) => {
        admit(plan, options.signal);
        register(asked, smaller.body, smaller.contentEncoding);
      })
      .catch(reject);
  }

  /** Registers the call, **then** sends it: a reply can be faster than whatever tells that it was sent. */
  function register(asked: Asked, body: Uint8Array, contentEncoding: Packed["contentEncoding"]): void {
    const call = pendingOf(asked, body, contentEncoding);
    // One that is larger than the limit goes alone.
    if (calls.size > 0 && calls.bytes + call.body.length > maxCallBytes)
      throw faults.tooManyBytes(asked.plan, maxCallBytes);
    calls.add(call, asked.options.signal);
    if (call.ifDown === "fail" && call.to === undefined) sendIfSomebodyListens(call);
    else send(call);
  }

  function pendingOf(
    { plan, options, trail, codec, every, resolve, reject }: Asked,
    body: Uint8Array,
    contentEncoding: Packed["contentEncoding"],
  ): Pending {
    const now = clock.now();
    const timeoutMs = Math.min(
      options.timeoutMs ?? plan.timeoutMs,
      (trail.deadline ?? Number.POSITIVE_INFINITY) - now,
      longestTimeoutMs,
    );
    if (!(timeoutMs > 0)) throw faults.refusedBy("TIMEOUT", plan, "no time is left");
    const fields: Record<string, HeaderValue> = { [headers.deadline]: Math.round(now + timeoutMs) };
    const { to, principal, key, ifDown = "wait", expect = Number.POSITIVE_INFINITY } = options;
    if (key !== undefined) {
      if (every) throw toEveryInstance(plan);
      fields[headers.key] = checkedKey(key, plan);
    }
    if (compression !== undefined) fields[headers.acceptEncoding] = acceptedEncodings;
    leaveTrail(fields, principal === undefined ? trail : { ...trail, principal });
    return {
      id: nextId(),
      plan,
      exchange: every ? names.instanceExchange : "",
      key: every ? plan.service : to === undefined ? plan.queue : names.instance(plan.service, to),
      to,
      body,
      contentType: codec.contentType,
      contentEncoding,
      headers: fields,
      deadline: now + timeoutMs,
      timeoutMs,
      ifDown,
      isRepeatable: plan.idempotent || key !== undefined,
      sentTo: undefined,
      answers: every ? [] : undefined,
      expect,
      resolve,
      reject,
    };
  }

  function send(call: Pending): void {
    const address = replies?.address;
    try {
      if (address !== undefined && transport.send(request(call, address), whenReturned(call.id)))
        call.sentTo = address;
      else if (call.ifDown === "fail") calls.fail(call, faults.unavailable(call.plan, whyNot()));
      // Else it waits for `stateChanged`, or its deadline.
    } catch (error) {
      // It can never be sent, and must neither hold its place until its deadline nor those that wait behind it.
      calls.fail(call, error);
    }
  }

  function request(call: Pending, address: string): Outgoing {
    return {
      exchange: call.exchange,
      key: call.key,
      body: call.body,
      persistent: false,
      mandatory: true,
      contentType: call.contentType,
      contentEncoding: call.contentEncoding,
      type: call.plan.id,
      messageId: call.id,
      replyTo: address,
      expirationMs: Math.max(0, Math.ceil(call.deadline - clock.now())),
      headers: call.headers,
    };
  }

  /** By its id: a transport may keep this long after the call has ended, and must not keep the call's body with it. */
  function whenReturned(id: string): () => void {
    return () => {
      const call = calls.get(id);
      if (call === undefined) return;
      if (call.answers === undefined) calls.fail(call, faults.nobodyThere(call));
      else calls.finish(call, call.answers);
    };
  }

  /** Calls at the same time share one question to the broker, which would run out of channels for thousands. */
  function inspect(queue: string): Promise<QueueState | undefined> {
    const asked = inspections.get(queue) ?? transport.inspect(queue).finally(() => inspections.delete(queue));
    inspections.set(queue, asked);
    return asked;
  }

  function sendIfSomebodyListens(call: Pending): void {
    if (!transport.state.publishing) return calls.fail(call, faults.unavailable(call.plan, whyNot()));
    inspect(call.key).then(
      (queue) => {
        if (!calls.has(call)) return;
        if (queue !== undefined && queue.consumers > 0) return send(call);
        const reason = queue === undefined ? faults.noQueue : "no instance of it is running";
        calls.fail(call, faults.unavailable(call.plan, reason));
      },
      (error) => calls.fail(call, isFault(error) ? error : faults.unasked(call.plan, error)),
    );
  }

  /** Replies to a lost address are lost: what is harmless to repeat is sent again, the rest has an unknown outcome. */
  function stateChanged(): void {
    const address = replies?.address;
    const { publishing, reason } = transport.state;
    for (const call of calls.all()) {
      const waits = call.ifDown === "wait";
      const isLost = call.sentTo !== undefined && call.sentTo !== address && call.answers === undefined;
      if (isLost && (!call.isRepeatable || !waits)) {
        calls.fail(call, faults.lost(call, reason));
        continue;
      }
      if (isLost) call.sentTo = undefined;
      if (call.sentTo !== undefined) continue;
      if (waits && publishing) send(call);
      else if (!waits && !publishing) calls.fail(call, faults.unavailable(call.plan, whyNot()));
    }
  }

  function onReply(reply: Incoming): void {
    const call = calls.get(reply.correlationId);
    // Late, or for nobody: whoever waited has had its answer.
    if (call === undefined)
      log.debug({ correlationId: reply.correlationId }, "dropped a reply that nobody waits for");
    else settle(calls, call, reply, reading);
  }

  return {
    async start() {
      replies = await transport.replies(onReply);
      unwatch = transport.watch(stateChanged);
    },
    call: (method, input, options, trail, codec) =>
      start(callPlan(method), input, options, trail, false, codec),
    every: (method, input, options, trail, codec) =>
      start(callPlan(method), input, options, trail, true, codec),
    idle: calls.idle,
    stop() {
      stopped = true;
      unwatch();
      for (const call of calls.all()) calls.fail(call, faults.stoppedBefore(call));
    },
  };
}
