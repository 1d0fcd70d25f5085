import { aboutMessage } from "../about-message.ts";
import type { Compression } from "../codec/compression.ts";
import { decoded } from "../codec/payload.ts";
import type { Reading } from "../codec/reading.ts";
import { methodsOf } from "../contract/contract.ts";
import { validated } from "../contract/schema.ts";
import { conversationAnswers } from "../conversations/answer.ts";
import { conversationsMethod, conversationsType } from "../conversations/question.ts";
import { Fault, isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Bury } from "../retry/bury.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import type { PlacedMiddleware } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import type { Service } from "../service/service.ts";
import { OutcomeUnknown } from "../store.ts";
import type { Probe } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import type { Disposition, Handle, Transport } from "../transport.ts";
import { answering } from "./answering.ts";
import { withoutStore } from "./key.ts";
import { keyedCall } from "./keyed-call.ts";
import type { CallPlan } from "./plan.ts";
import { admit, type Served, serve } from "./served.ts";
import { storedCall } from "./stored-call.ts";

export interface ResponderOptions {
  readonly service: Service;
  readonly scope: InvocationScope;
  readonly middleware: readonly PlacedMiddleware[];
  readonly transport: Transport;
  readonly reading: Reading;
  readonly compression?: Compression | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly bury: Bury;
  readonly maxBytes: number;
  readonly probe?: Probe | undefined;
}

const lateLineEveryMs = 1_000;

/**
 * Answers the requests of one service. Every request with a reply address gets exactly one answer while somebody waits
 * for it, and is acknowledged after the answer was handed to the broker. One without, such as a replayed dead letter, is
 * run for what it does, and is a dead letter where it fails.
 */
export function responder(options: ResponderOptions): Handle {
  const { service, scope, reading, clock, running, probe } = options;
  const { runtime } = scope;
  const methods = new Map(
    methodsOf(service.contract).map((method) => [
      method.id,
      serve(service, method, options.middleware, probe),
    ]),
  );
  // For tools: what the service's store knows of conversations. Of no contract, and so on no gateway either.
  if (runtime !== undefined)
    methods.set(conversationsType, {
      ...serve(service, conversationsMethod(service.contract.name), []),
      handler: conversationAnswers(runtime.store, clock),
    });
  const { name } = service.contract;
  const answers = answering({ ...options, service: name, log: scope.log, instance: scope.instance });
  const { encode, reply, answerFault, keep } = answers;
  const stored = runtime && { ...options, runtime, answering: answers, read, failed };
  const runStored = stored && storedCall(stored);
  const runKeyed = stored && keyedCall(stored);

  const unknown = probe?.seam({
    operation: { kind: "method", id: `${name}.unknown`, service: name },
    queue: names.requests(name),
  });

  let lateRequests = 0;
  let lastLateLine = Number.NEGATIVE_INFINITY;

  function handle(message: Incoming): Disposition | Promise<Disposition> {
    return reading.codec(message.contentType) === undefined ? loadFirst(message) : dispatch(message);
  }

  /** Before anything else: the answer is written in it as well. What cannot be had is told where the input is read. */
  async function loadFirst(message: Incoming): Promise<Disposition> {
    await reading.load(message.contentType!).catch(() => undefined);
    return dispatch(message);
  }

  function dispatch(message: Incoming): Disposition | Promise<Disposition> {
    const served = methods.get(message.type ?? "");
    const seam = served === undefined ? unknown : served.seam;
    if (seam === undefined) return answerTo(served, message);
    const begun = seam.begin(message);
    const done = answerTo(served, begun);
    return done instanceof Promise
      ? done.then((disposition) => ended(begun, disposition))
      : ended(begun, done);
  }

  function answerTo(served: Served | undefined, message: Incoming): Disposition | Promise<Disposition> {
    if (served === undefined) return answerFault(message, unknownMethod(name, message), "unknown");
    const { plan } = served;
    const deadline = deadlineOf(message, clock.now() + plan.timeoutMs);
    if (clock.now() > deadline) return late(plan, message, deadline);
    if (hasKey(message)) {
      if (runKeyed !== undefined) return runKeyed(served, message, deadline);
      // What nobody waits for was in an outbox, which does without the key as well.
      if (message.replyTo !== undefined) return answerFault(message, withoutStore(plan));
    }
    if (message.redelivered && !plan.idempotent) return answerFault(message, unknownOutcome(plan));
    return runStored === undefined ? run(served, message, deadline) : runStored(served, message, deadline);
  }

  /** Without a store. Calls may come by the ten thousand a second: no promise is made where the handler makes none. */
  function run(served: Served, message: Incoming, deadline: number): Disposition | Promise<Disposition> {
    let result: unknown;
    try {
      result = invoke(
        served,
        message,
        new Invocation(scope, served.operation, message, deadline, served.fail),
      );
    } catch (error) {
      return failed(served, message, error);
    }
    if (!(result instanceof Promise)) return answer(served, message, result);
    return result.then(
      (output) => answer(served, message, output),
      (error) => failed(served, message, error),
    );
  }

  /** Its caller has given up. Overload makes many of these, which is no time to write a line for each. */
  function late(plan: CallPlan, { work }: Incoming, deadline: number): Disposition {
    lateRequests += 1;
    work?.fail(tooLate(plan));
    const now = clock.now();
    if (now - lastLateLine < lateLineEveryMs) return "ack";
    scope.log.warn(
      { method: plan.id, lateByMs: now - deadline, lateRequests },
      "requests came after their deadline and were not run; if this repeats without load, compare the clocks of the hosts",
    );
    lastLateLine = now;
    lateRequests = 0;
    return "ack";
  }

  function invoke(served: Served, message: Incoming, invocation: Invocation): unknown {
    admit(served, invocation);
    const value = read(served, message);
    if (value instanceof Promise)
      return value.then((checked) => running.run(served.handler, checked, invocation));
    return running.run(served.handler, value, invocation);
  }

  function read({ plan: { input, arrivedName } }: Served, message: Incoming): unknown {
    if (input === undefined) return undefined;
    const value = decoded(reading, message);
    return value instanceof Promise
      ? value.then((body) => validated(input, body, "INVALID_INPUT", arrivedName))
      : validated(input, value, "INVALID_INPUT", arrivedName);
  }

  function answer(served: Served, message: Incoming, output: unknown): Disposition | Promise<Disposition> {
    try {
      const body = encode(served.plan, output, message);
      if (!(body instanceof Promise)) return reply(message, body);
      return body.then(
        (bytes) => reply(message, bytes),
        (error) => failed(served, message, error),
      );
    } catch (error) {
      return failed(served, message, error);
    }
  }

  function failed(served: Served, message: Incoming, error: unknown): Disposition | Promise<Disposition> {
    message.work?.fail(error);
    if (isFault(error)) {
      if (error.code === "BAD_MESSAGE") return answerFault(message, error, "undecodable");
      if (error.code === "STOPPED" && error.from === undefined && running.aborted)
        return interrupted(served.plan, message);
    }
    if (message.replyTo === undefined) return keep(message, error);
    if (error instanceof OutcomeUnknown) return notKnown(served.plan, message, error);
    const told = answers.tell(served, message, error);
    if (!(told instanceof Promise)) return reply(message, told.body, told.code);
    return told.then(({ body, code }) => reply(message, body, code));
  }

  /** This instance ends with the request in hand: another may take it, where that does no harm. */
  function interrupted(plan: CallPlan, message: Incoming): Disposition | Promise<Disposition> {
    return plan.idempotent || hasKey(message) ? "requeue" : answerFault(message, unknownOutcome(plan));
  }

  /** The details are for whoever runs this service. */
  function notKnown(
    plan: CallPlan,
    message: Incoming,
    err: OutcomeUnknown,
  ): Disposition | Promise<Disposition> {
    scope.log.error({ ...aboutMessage(message), err }, "whether a method has committed is not known");
    return answerFault(message, commitUnknown(plan));
  }

  return handle;
}

/** What was answered is done, except where something has said before that it failed. */
function ended({ work }: Incoming, disposition: Disposition): Disposition {
  work?.end();
  return disposition;
}

function tooLate(plan: CallPlan): Fault {
  const message = `${plan.id} was not run: it came after its deadline.`;
  return new Fault("TIMEOUT", { service: plan.service, method: plan.id }, { message });
}

function hasKey({ headers: all }: Incoming): boolean {
  return all !== undefined && all[headers.key] !== undefined;
}

function deadlineOf(message: Incoming, otherwise: number): number {
  const deadline = message.headers?.[headers.deadline];
  return typeof deadline === "number" ? deadline : otherwise;
}

function unknownMethod(service: string, message: Incoming): Fault {
  return new Fault(
    "UNKNOWN_METHOD",
    { service, type: message.type },
    {
      message: `Service "${service}" has no method "${message.type ?? "(no type)"}". Caller and service run different versions of the contract.`,
    },
  );
}

function unknownOutcome(plan: CallPlan): Fault {
  return new Fault(
    "UNKNOWN_OUTCOME",
    { service: plan.service, method: plan.id },
    {
      message: `An instance of "${plan.service}" died or lost its connection with ${plan.id} in hand. Whether it ran is not known; it is not idempotent and came without a key, so it was not run again.`,
    },
  );
}

function commitUnknown(plan: CallPlan): Fault {
  return new Fault(
    "UNKNOWN_OUTCOME",
    { service: plan.service, method: plan.id },
    {
      message: `The answer of the database to the commit of ${plan.id} was lost. Whether it changed anything is not known. With a key, the same call can be repeated safely.`,
    },
  );
}
