import type { Codec } from "../codec/codec.ts";
import { type AnyContract, methodsOf } from "../contract/contract.ts";
import type { Trail } from "../trail.ts";
import type { Caller } from "./caller.ts";
import type { CallOptions, EveryOptions } from "./client.ts";

const noOptions = {};

/** A client of `contract` whose calls carry on `trail`. Its type is `Client<C>`, given where it is handed out. */
export function boundClient(
  caller: Caller,
  contract: AnyContract,
  trail: Trail,
  codec?: Codec,
): Record<string, unknown> {
  const client: Record<string, unknown> = {};
  for (const method of methodsOf(contract))
    client[method.name] = (input: unknown, options: CallOptions = noOptions) =>
      caller.call(method, input, options, trail, codec);
  return client;
}

/** A client whose calls go to every instance. Its type is `EveryClient<C>`. */
export function boundEveryClient(
  caller: Caller,
  contract: AnyContract,
  trail: Trail,
): Record<string, unknown> {
  const client: Record<string, unknown> = {};
  for (const method of methodsOf(contract))
    client[method.name] = (input: unknown, options: EveryOptions = noOptions) =>
      caller.every(method, input, options, trail);
  return client;
}
