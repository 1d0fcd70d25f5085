import type { Codec } from "../codec/codec.ts";
import type { Method } from "../contract/method.ts";
import { validated } from "../contract/schema.ts";
import { deadlines } from "../deadlines.ts";
import { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { HeaderValue, Incoming, Outgoing } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Clock } from "../time.ts";
import { leaveTrail, type Trail } from "../trail.ts";
import type { Replies, Transport } from "../transport.ts";
import type { Answer, CallOptions, EveryOptions } from "./client.ts";
import { lost, type Pending, settle } from "./pending.ts";
import { type CallPlan, callPlan } from "./plan.ts";

export interface CallerOptions {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly nextId: () => string;
  readonly log: Logger;
  readonly maxCalls: number;
  readonly maxBytes: number;
}

/** Makes calls: sends requests, and matches replies to them by id until the deadline. */
export interface Caller {
  start(): Promise<void>;
  call(method: Method, input: unknown, options: CallOptions, trail: Trail): Promise<unknown>;
  every(
    method: Method,
    input: unknown,
    options: EveryOptions,
    trail: Trail,
  ): Promise<readonly Answer<unknown, never>[]>;
  /** Calls waiting for an answer. */
  readonly inFlight: number;
  /** Resolves when none is waiting. */
  idle(): Promise<void>;
  /** Takes no more calls; those waiting fail with STOPPED. */
  stop(): void;
}

export function caller(options: CallerOptions): Caller {
  const { transport, codec, clock, nextId, maxCalls, maxBytes } = options;
  const pending = new Map<string, Pending>();
  const expiring = deadlines<Pending>(clock, expire);
  let unsent = new Set<Pending>();
  let idlers: (() => void)[] = [];
  let replies: Replies | undefined;
  let stopped = false;
  let unwatch = (): void => {};

  function expire(call: Pending): void {
    if (call.answers !== undefined) return finish(call, call.answers);
    const { id, service } = call.plan;
    const message = call.sent
      ? `No answer from ${id} within ${call.timeoutMs} ms. Whether it ran is not known.`
      : `${id} could not be sent within ${call.timeoutMs} ms: ${transport.state.reason ?? "the broker takes no messages"}. It did not run.`;
    fail(
      call,
      new Fault(
        call.sent ? "TIMEOUT" : "UNAVAILABLE",
        { service, method: id, timeoutMs: call.timeoutMs },
        { message },
      ),
    );
  }

  function forget(call: Pending): boolean {
    if (!pending.delete(call.id)) return false;
    expiring.remove(call);
    unsent.delete(call);
    call.dispose?.();
    if (pending.size === 0 && idlers.length > 0) {
      for (const idle of idlers) idle();
      idlers = [];
    }
    return true;
  }

  function finish(call: Pending, value: unknown): void {
    if (forget(call)) call.resolve(value);
  }

  function fail(call: Pending, error: unknown): void {
    if (forget(call)) call.reject(error);
  }

  function register(call: Pending, signal: AbortSignal | undefined): void {
    pending.set(call.id, call);
    expiring.add(call);
    if (signal === undefined) return;
    const cancel = (): void =>
      fail(
        call,
        new Fault(
          "CANCELLED",
          { method: call.plan.id },
          { message: `The caller gave up on ${call.plan.id}.`, cause: signal.reason },
        ),
      );
    signal.addEventListener("abort", cancel, { once: true });
    call.dispose = () => signal.removeEventListener("abort", cancel);
  }

  function request(call: Pending, address: string): Outgoing {
    return {
      exchange: call.exchange,
      key: call.key,
      body: call.body,
      persistent: false,
      mandatory: true,
      contentType: codec.contentType,
      type: call.plan.id,
      messageId: call.id,
      replyTo: address,
      expirationMs: Math.max(0, Math.ceil(call.deadline - clock.now())),
      headers: call.headers,
    };
  }

  /** Registered before it is sent: a reply can be faster than whatever tells that it was sent. */
  function send(call: Pending): void {
    if (replies !== undefined && transport.send(request(call, replies.address), () => returned(call))) {
      call.sent = true;
      return;
    }
    if (call.ifDown === "fail")
      return fail(call, unavailable(call.plan, transport.state.reason ?? "the broker takes no messages"));
    unsent.add(call);
  }

  function returned(call: Pending): void {
    if (call.answers !== undefined) return finish(call, call.answers);
    const reason = call.to === undefined ? "nobody ever declared it" : `its instance "${call.to}" is gone`;
    fail(call, unavailable(call.plan, reason));
  }

  /** Replies on their way to a lost address are lost: what is harmless to repeat is repeated, the rest has an unknown outcome. */
  function stateChanged(): void {
    const { state } = transport;
    if (!state.consuming)
      for (const call of [...pending.values()]) {
        if (!call.sent || call.answers !== undefined) continue;
        call.sent = false;
        if (call.plan.idempotent) unsent.add(call);
        else fail(call, lost(call, state.reason));
      }
    if (!state.consuming || !state.publishing || unsent.size === 0) return;
    const waiting = unsent;
    unsent = new Set();
    for (const call of waiting) send(call);
  }

  function onReply(reply: Incoming): void {
    const call = reply.correlationId === undefined ? undefined : pending.get(reply.correlationId);
    // Late, or for nobody: whoever waited has had its answer.
    if (call === undefined)
      return options.log.debug(
        { correlationId: reply.correlationId },
        "dropped a reply that nobody waits for",
      );
    settle(call, reply, codec, finish, fail);
  }

  function admit(plan: CallPlan, callOptions: CallOptions | EveryOptions): void {
    if (stopped)
      throw new Fault("STOPPED", {}, { message: `${plan.id} was not called: this app is stopped.` });
    if (replies === undefined)
      throw new Fault(
        "UNAVAILABLE",
        {},
        { message: `${plan.id} was not called: this app has not started. Await app.start() first.` },
      );
    if (pending.size >= maxCalls)
      throw new Fault(
        "OVERLOADED",
        { limit: maxCalls },
        {
          message: `${plan.id} was not called: ${maxCalls} calls wait for an answer already (limits.calls).`,
        },
      );
    if (callOptions.signal?.aborted)
      throw new Fault(
        "CANCELLED",
        { method: plan.id },
        { message: `The caller gave up on ${plan.id}.`, cause: callOptions.signal.reason },
      );
  }

  function encode(plan: CallPlan, input: unknown): Uint8Array {
    const body = codec.encode(input);
    if (body.length <= maxBytes) return body;
    throw new Fault(
      "TOO_LARGE",
      { bytes: body.length, limit: maxBytes },
      { message: `${plan.inputName} is ${body.length} bytes; the limit is ${maxBytes}.` },
    );
  }

  function dispatch(
    plan: CallPlan,
    input: unknown,
    callOptions: CallOptions & EveryOptions,
    trail: Trail,
    every: boolean,
    resolve: (value: any) => void,
    reject: (error: unknown) => void,
  ): void {
    const now = clock.now();
    const timeoutMs = Math.min(
      callOptions.timeoutMs ?? plan.timeoutMs,
      (trail.deadline ?? Number.POSITIVE_INFINITY) - now,
    );
    if (!(timeoutMs > 0))
      throw new Fault(
        "TIMEOUT",
        { method: plan.id },
        { message: `${plan.id} was not called: no time is left.` },
      );
    const fields: Record<string, HeaderValue> = { [headers.deadline]: Math.round(now + timeoutMs) };
    if (callOptions.principal !== undefined)
      leaveTrail(fields, { ...trail, principal: callOptions.principal });
    else leaveTrail(fields, trail);
    const { to } = callOptions;
    const call: Pending = {
      id: nextId(),
      plan,
      exchange: every ? names.instanceExchange : "",
      key: every ? plan.service : to === undefined ? plan.queue : names.instance(plan.service, to),
      to,
      body: encode(plan, input),
      headers: fields,
      deadline: now + timeoutMs,
      timeoutMs,
      ifDown: callOptions.ifDown ?? "wait",
      sent: false,
      answers: every ? [] : undefined,
      expect: callOptions.expect ?? Number.POSITIVE_INFINITY,
      resolve,
      reject,
    };
    register(call, callOptions.signal);
    if (call.ifDown === "fail" && to === undefined) sendIfSomebodyListens(call);
    else send(call);
  }

  function sendIfSomebodyListens(call: Pending): void {
    transport.inspect(call.key).then(
      (queue) => {
        if (!pending.has(call.id)) return;
        if (queue !== undefined && queue.consumers > 0) return send(call);
        fail(
          call,
          unavailable(
            call.plan,
            queue === undefined ? "nobody ever declared it" : "no instance of it is running",
          ),
        );
      },
      (error) => fail(call, error),
    );
  }

  function start(
    plan: CallPlan,
    input: unknown,
    callOptions: CallOptions & EveryOptions,
    trail: Trail,
    every: boolean,
  ): Promise<any> {
    return new Promise((resolve, reject) => {
      admit(plan, callOptions);
      const checked =
        plan.input === undefined ? undefined : validated(plan.input, input, "INVALID_INPUT", plan.inputName);
      if (checked instanceof Promise)
        checked
          .then((value) => dispatch(plan, value, callOptions, trail, every, resolve, reject))
          .catch(reject);
      else dispatch(plan, checked, callOptions, trail, every, resolve, reject);
    });
  }

  return {
    async start() {
      replies = await transport.replies(onReply);
      unwatch = transport.watch(stateChanged);
    },
    call: (method, input, callOptions, trail) => start(callPlan(method), input, callOptions, trail, false),
    every: (method, input, callOptions, trail) => start(callPlan(method), input, callOptions, trail, true),
    get inFlight() {
      return pending.size;
    },
    idle: () => (pending.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
    stop() {
      stopped = true;
      unwatch();
      for (const call of [...pending.values()])
        fail(
          call,
          new Fault(
            "STOPPED",
            { method: call.plan.id },
            { message: `This app stopped before ${call.plan.id} answered. Whether it ran is not known.` },
          ),
        );
    },
  };
}

function unavailable(plan: CallPlan, reason: string): Fault {
  return new Fault(
    "UNAVAILABLE",
    { service: plan.service, method: plan.id },
    { message: `Service "${plan.service}" is unavailable: ${reason}.` },
  );
}
