import { type Access, type ErrorSpecs, errorDetails, type Method } from "../contract/method.ts";
import { Fault } from "../fault.ts";
import type { Operation } from "../service/context.ts";
import type { Invocation } from "../service/invocation.ts";
import { compose, type Handler, type PlacedMiddleware } from "../service/middleware.ts";
import type { Service } from "../service/service.ts";
import type { Probe, Seam } from "../telemetry/probe.ts";
import { type CallPlan, callPlan } from "./plan.ts";

/** A method as its service answers it. */
export interface Served {
  readonly plan: CallPlan;
  readonly operation: Operation;
  readonly handler: Handler;
  readonly access: Access;
  readonly errors: ErrorSpecs;
  readonly fail: unknown;
  readonly seam: Seam | undefined;
}

export function serve(
  service: Service,
  method: Method,
  middleware: readonly PlacedMiddleware[],
  probe?: Probe,
): Served {
  const { spec } = method;
  const errors: ErrorSpecs = spec.errors ?? {};
  const raise: Record<string, unknown> = {};
  for (const [code, declared] of Object.entries(errors)) {
    const { message = `${method.id}: ${code}` } = errorDetails(declared);
    raise[code] = (data: unknown) => new Fault(code, data, { message });
  }
  const plan = callPlan(method);
  const operation: Operation = { kind: "method", id: method.id, service: method.service };
  return {
    plan,
    operation,
    seam: probe?.seam({ operation, queue: plan.queue, declared: Object.keys(errors) }),
    handler: compose(middleware, service.definition.methods[method.name] as Handler),
    access: spec.access ?? "anyone",
    errors,
    fail: raise,
  };
}

/** @throws Fault UNAUTHENTICATED, FORBIDDEN */
export function admit(served: Served, invocation: Invocation): void {
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
