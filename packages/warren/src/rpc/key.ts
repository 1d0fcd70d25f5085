import { Fault } from "../fault.ts";
import type { HeaderValue } from "../message.ts";
import { headers } from "../names.ts";
import type { CallPlan } from "./plan.ts";

const good = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** What a key may be, in words that follow its name. */
export const keyRule = "must be 1 to 200 characters, none of them a control character";

export function isKey(value: unknown): value is string {
  return typeof value === "string" && good.test(value);
}

/** @throws Fault INVALID_INPUT */
export function checkedKey(value: HeaderValue, { id }: CallPlan): string {
  if (isKey(value)) return value;
  const message = `The key of a call to ${id} ${keyRule}; it was not called.`;
  throw new Fault("INVALID_INPUT", { issues: [{ path: headers.key, message: keyRule }] }, { message });
}

export function keyReused({ id, service }: CallPlan): Fault {
  return new Fault(
    "KEY_REUSED",
    { service, method: id },
    {
      message: `The key of this call to ${id} was used before, with another input. It was not run; use a new key for each thing to be done, and the same one only to repeat it.`,
    },
  );
}

export function keyInUse({ id, service }: CallPlan): Fault {
  return new Fault(
    "KEY_IN_USE",
    { service, method: id },
    {
      message: `Another call to ${id} with the same key is still under way. Repeat it later for its answer.`,
    },
  );
}

export function withoutStore({ id, service }: CallPlan): Fault {
  return new Fault(
    "KEY_UNSUPPORTED",
    { service, method: id },
    {
      message: `${id} was not run: service "${service}" has no store to keep answers in. Give it one (service(…, { store })), or call without a key.`,
    },
  );
}

export function toEveryInstance({ id, service }: CallPlan): Fault {
  return new Fault(
    "KEY_UNSUPPORTED",
    { service, method: id },
    { message: `${id} was not called: a key is for one answer, and not for a call to every instance.` },
  );
}
