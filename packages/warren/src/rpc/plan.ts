import { defaultTimeoutMs, type Method } from "../contract/method.ts";
import type { Schema } from "../contract/schema.ts";
import { names } from "../names.ts";

/** What is worked out once per method, so that no call works it out again. */
export interface CallPlan {
  readonly method: Method;
  readonly id: string;
  readonly service: string;
  readonly queue: string;
  readonly input: Schema<any, any> | undefined;
  readonly output: Schema<any, any> | undefined;
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  readonly inputName: string;
  /** The same at the service, whose client has checked it: the two differ, or the schema refuses its own output. */
  readonly arrivedName: string;
  readonly outputName: string;
}

const plans = new WeakMap<Method, CallPlan>();

export function callPlan(method: Method): CallPlan {
  const known = plans.get(method);
  if (known !== undefined) return known;
  const { spec } = method;
  const plan: CallPlan = {
    method,
    id: method.id,
    service: method.service,
    queue: names.requests(method.service),
    input: spec.input,
    output: spec.output,
    timeoutMs: spec.timeoutMs ?? defaultTimeoutMs,
    idempotent: spec.idempotent ?? false,
    inputName: `The input of ${method.id}`,
    arrivedName: `The input of ${method.id}, as it arrived,`,
    outputName: `The output of ${method.id}`,
  };
  plans.set(method, plan);
  return plan;
}
