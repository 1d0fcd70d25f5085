import type { Codec } from "../codec/codec.ts";
import { type AnyContract, type Event, eventsOf, methodsOf } from "../contract/contract.ts";
import type { Method } from "../contract/method.ts";
import type { Args } from "../rpc/client.ts";
import { perUse } from "../service/per-use.ts";
import type { Trail } from "../trail.ts";
import { wholeNumber } from "../whole-number.ts";
import type { OutboxEntry } from "./entry.ts";
import type { About, EntryWriter, InLane, SendOptions } from "./writer.ts";

type Uses = Readonly<Record<string, AnyContract>>;

/** Calls to be made, one member per contract in `uses`. */
export type Send<U> = { readonly [K in keyof U]: Sender<U[K], SendOptions, void> };

/** What `context.after` gives. Each resolves with the id by which `context.cancel` takes it back. */
export interface Later<C extends AnyContract, U> {
  readonly emit: {
    readonly [K in keyof C["events"]]: C["events"][K] extends Event<any, infer I, any>
      ? (event: I) => Promise<string>
      : never;
  };
  readonly send: { readonly [K in keyof U]: Sender<U[K], Omit<SendOptions, "lane">, string> };
}

type Sender<C, O, R> = C extends AnyContract
  ? {
      readonly [K in keyof C["methods"]]: C["methods"][K] extends Method<any, infer I, any, any>
        ? (...args: Args<I, O>) => Promise<R>
        : never;
    }
  : never;

export interface SendingOptions {
  readonly contract: AnyContract;
  readonly uses: Uses;
  readonly writer: EntryWriter;
  readonly trail: Trail;
  readonly codec: Codec;
  /** Refuses events that the handler does not say it emits. */
  readonly check: (event: Event) => void;
  readonly put: (entry: OutboxEntry) => void;
}

type Sent = Promise<string | undefined>;

/** Without `delayMs` it is sent with the commit, and resolves with nothing: what a handler returns is kept and compared. */
export interface Sending {
  emit(delayMs?: number): Record<string, (data: unknown, options?: InLane) => Sent>;
  send(delayMs?: number): Record<string, Record<string, (input: unknown, options?: SendOptions) => Sent>>;
}

/** Ten years. A time that is further away than that is a mistake in the unit. */
const longestDelayMs = 10 * 366 * 86_400_000;

/** @throws TypeError for what is no time */
export function checkDelay(delayMs: number): number {
  return wholeNumber("after: delayMs", delayMs, Number.NaN, 0, longestDelayMs);
}

/** What a handler sends by, in its transaction. Typed where it is handed out. */
export function sending({ contract, uses, writer, trail, codec, check, put }: SendingOptions): Sending {
  const about = (delayMs = 0): About => ({ service: contract.name, trail, delayMs, codec });

  function entered(entry: OutboxEntry, delayMs: number | undefined): string | undefined {
    put(entry);
    return delayMs === undefined ? undefined : entry.id;
  }

  return {
    emit: (delayMs) =>
      Object.fromEntries(
        eventsOf(contract).map((event) => [
          event.name,
          async (data: unknown, options?: InLane) => {
            check(event);
            const laned = laneFor(delayMs, options);
            return entered(await writer.event(event, data, about(delayMs), laned), delayMs);
          },
        ]),
      ),
    send(delayMs) {
      const send = perUse(uses);
      for (const [name, contract] of Object.entries(uses))
        send[name] = Object.fromEntries(
          methodsOf(contract).map((method) => [
            method.name,
            async (input: unknown, options?: SendOptions) => {
              const laned = laneFor(delayMs, options);
              return entered(await writer.call(method, input, about(delayMs), laned), delayMs);
            },
          ]),
        );
      return send;
    },
  };
}

/** @throws TypeError where something later has a lane: it would hold up all that is written after it */
export function laneFor<O extends InLane>(delayMs = 0, options: O | undefined): O | undefined {
  if (delayMs > 0 && options?.lane !== undefined)
    throw new TypeError(`What is sent later has no lane; it would hold up "${options.lane}" until then.`);
  return options;
}
