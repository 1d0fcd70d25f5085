import type { Codec } from "../codec/codec.ts";
import { decoded, encoded } from "../codec/payload.ts";
import { methodsOf } from "../contract/contract.ts";
import { type Access, type ErrorSpecs, errorDetails, type Method } from "../contract/method.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault, type SystemCode, systemFaults } from "../fault.ts";
import { type Random, randomId } from "../id.ts";
import type { HeaderValue, Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Bury } from "../retry/bury.ts";
import type { Operation } from "../service/context.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import { compose, type Handler, type PlacedMiddleware } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import type { Service } from "../service/service.ts";
import type { Clock } from "../time.ts";
import type { Disposition, Handle, Transport } from "../transport.ts";
import { isForCaller, plainFault } from "./fault-reply.ts";
import { type CallPlan, callPlan } from "./plan.ts";

export interface ResponderOptions {
  readonly service: Service;
  readonly scope: InvocationScope;
  readonly middleware: readonly PlacedMiddleware[];
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly bury: Bury;
  readonly maxBytes: number;
}

const lateLineEveryMs = 1_000;

interface Served {
  readonly plan: CallPlan;
  readonly operation: Operation;
  readonly handler: Handler;
  readonly access: Access;
  readonly errors: ErrorSpecs;
  readonly fail: unknown;
}

/**
 * Answers the requests of one service. Every request with a reply address gets exactly one answer while somebody waits
 * for it, and is acknowledged after the answer was handed to the broker.
 */
export function responder(options: ResponderOptions): Handle {
  const { service, scope, transport, codec, clock, running, bury, maxBytes } = options;
  const methods = new Map(
    methodsOf(service.contract).map((method) => [method.id, serve(service, method, options.middleware)]),
  );

  let lateRequests = 0;
  let lastLateLine = Number.NEGATIVE_INFINITY;

  function handle(message: Incoming): Disposition | Promise<Disposition> {
    const served = methods.get(message.type ?? "");
    if (served === undefined)
      return refuse(message, unknownMethod(service.contract.name, message), "unknown");
    const deadline = deadlineOf(message, clock.now() + served.plan.timeoutMs);
    if (clock.now() > deadline) return late(served.plan, deadline);
    if (message.redelivered && !served.plan.idempotent)
      return answerFault(message, unknownOutcome(served.plan));
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
  function late(plan: CallPlan, deadline: number): Disposition {
    lateRequests += 1;
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
    const { input, arrivedName } = served.plan;
    const value =
      input === undefined
        ? undefined
        : validated(input, decoded(codec, message), "INVALID_INPUT", arrivedName);
    if (value instanceof Promise)
      return value.then((checked) => running.run(served.handler, checked, invocation));
    return running.run(served.handler, value, invocation);
  }

  function answer(served: Served, message: Incoming, output: unknown): Disposition | Promise<Disposition> {
    const { plan } = served;
    if (plan.output === undefined) return reply(message, codec.encode(undefined));
    try {
      const checked = validated(plan.output, output, "INVALID_OUTPUT", plan.outputName);
      if (!(checked instanceof Promise))
        return reply(message, encoded(codec, checked, plan.outputName, maxBytes, "INVALID_OUTPUT"));
      return checked
        .then((value) => reply(message, encoded(codec, value, plan.outputName, maxBytes, "INVALID_OUTPUT")))
        .catch((error) => failed(served, message, error));
    } catch (error) {
      return failed(served, message, error);
    }
  }

  /** Declared faults and those meant for a caller travel; anything else becomes INTERNAL, its details only the log. */
  function failed(served: Served, message: Incoming, error: unknown): Disposition | Promise<Disposition> {
    if (isFault(error)) {
      if (error.code === "BAD_MESSAGE") return refuse(message, error, "undecodable");
      if (error.code === "STOPPED" && error.from === undefined && running.aborted)
        return interrupted(served.plan, message);
      if (Object.hasOwn(served.errors, error.code)) return answerDeclared(served, message, error);
      if (isForCaller(error)) {
        // The caller is told as much; whoever runs this service has to know which dependency it was.
        if (systemFaults[error.code as SystemCode].retryable)
          scope.log.warn({ method: served.plan.id, err: error }, "a method could not be carried out");
        return answerRaised(served.plan, message, error);
      }
    }
    return answerFault(message, internal(served.plan, message, error));
  }

  /** This instance ends with the request in hand: another may take it, where that does no harm. */
  function interrupted(plan: CallPlan, message: Incoming): Disposition | Promise<Disposition> {
    return plan.idempotent ? "requeue" : answerFault(message, unknownOutcome(plan));
  }

  function answerDeclared(
    served: Served,
    message: Incoming,
    fault: Fault,
  ): Disposition | Promise<Disposition> {
    const { data: schema } = errorDetails(served.errors[fault.code]!);
    if (schema === undefined)
      return answerRaised(served.plan, message, new Fault(fault.code, undefined, { message: fault.message }));
    return Promise.resolve()
      .then(() =>
        validated(
          schema,
          fault.data,
          "INVALID_OUTPUT",
          `The data of fault ${fault.code} of ${served.plan.id}`,
        ),
      )
      .then(
        (data) => answerRaised(served.plan, message, new Fault(fault.code, data, { message: fault.message })),
        (error) => answerFault(message, internal(served.plan, message, error)),
      );
  }

  function internal(plan: CallPlan, message: Incoming, error: unknown): Fault {
    const errorId = randomId(options.random, 12);
    scope.log.error(
      { err: error, errorId, method: plan.id, messageId: message.messageId },
      "a handler failed",
    );
    return new Fault(
      "INTERNAL",
      { errorId },
      { message: `${plan.id} failed. Its log has the details under error id ${errorId}.` },
    );
  }

  /** What cannot be run is told to who asked; where nobody did, it is kept as a dead letter. */
  function refuse(
    message: Incoming,
    fault: Fault,
    reason: "unknown" | "undecodable",
  ): Disposition | Promise<Disposition> {
    if (message.replyTo !== undefined) return answerFault(message, fault);
    return bury(message, {
      service: service.contract.name,
      queue: names.requests(service.contract.name),
      reason,
      error: fault,
    });
  }

  /** Data that is too large, or that no codec can encode, is a handler's failure like any other, and answered like one. */
  function answerRaised(plan: CallPlan, message: Incoming, fault: Fault): Disposition | Promise<Disposition> {
    try {
      return reply(
        message,
        encoded(codec, plainFault(fault), `Fault ${fault.code} of ${plan.id}`, maxBytes, "INVALID_OUTPUT"),
        fault.code,
      );
    } catch (error) {
      return answerFault(message, internal(plan, message, error));
    }
  }

  function answerFault(message: Incoming, fault: Fault): Disposition | Promise<Disposition> {
    return reply(message, codec.encode(plainFault(fault)), fault.code);
  }

  function reply(message: Incoming, body: Uint8Array, fault?: string): Disposition | Promise<Disposition> {
    const { replyTo } = message;
    if (replyTo === undefined) return "ack";
    const fields: Record<string, HeaderValue> | undefined =
      fault === undefined ? undefined : { [headers.fault]: fault };
    const outgoing = {
      exchange: "",
      key: replyTo,
      body,
      persistent: false,
      mandatory: false,
      contentType: codec.contentType,
      correlationId: message.correlationId ?? message.messageId,
      // Only who asked every instance has to tell the answers apart.
      appId: message.exchange === names.instanceExchange ? scope.instance : undefined,
      headers: fields,
    };
    if (transport.send(outgoing)) return "ack";
    return transport.publish(outgoing).then(
      () => "ack",
      (error) => {
        scope.log.warn(
          { err: error, messageId: message.messageId },
          "a reply could not be sent; its caller will run into its deadline",
        );
        return "ack";
      },
    );
  }

  return handle;
}

function serve(service: Service, method: Method, middleware: readonly PlacedMiddleware[]): Served {
  const { spec } = method;
  const errors: ErrorSpecs = spec.errors ?? {};
  const raise: Record<string, unknown> = {};
  for (const [code, declared] of Object.entries(errors)) {
    const { message = `${method.id}: ${code}` } = errorDetails(declared);
    raise[code] = (data: unknown) => new Fault(code, data, { message });
  }
  return {
    plan: callPlan(method),
    operation: { kind: "method", id: method.id, service: method.service },
    handler: compose(middleware, service.definition.methods[method.name] as Handler),
    access: spec.access ?? "anyone",
    errors,
    fail: raise,
  };
}

/** @throws Fault UNAUTHENTICATED, FORBIDDEN */
function admit(served: Served, invocation: Invocation): void {
  const { access, plan } = served;
  if (access === "anyone") return;
  const { principal } = invocation;
  if (principal === undefined)
    throw new Fault("UNAUTHENTICATED", {}, { message: `${plan.id} needs a principal.` });
  if (access === "authenticated") return;
  const missing = access.scopes.filter((scope) => !principal.scopes.includes(scope));
  if (missing.length > 0)
    throw new Fault(
      "FORBIDDEN",
      { missing },
      { message: `${plan.id} needs the scopes ${missing.join(", ")}.` },
    );
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
      message: `An instance of "${plan.service}" died or lost its connection with ${plan.id} in hand. Whether it ran is not known; it is not idempotent, so it was not run again.`,
    },
  );
}
