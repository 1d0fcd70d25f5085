import { traceIds } from "../about-message.ts";
import type { Reading } from "../codec/reading.ts";
import { type Fault, isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import { outage } from "../outage.ts";
import type { Bury } from "../retry/bury.ts";
import { textOf } from "../retry/error-text.ts";
import { nextStep } from "../retry/policy.ts";
import { retryAfterOf } from "../retry/retry-after.ts";
import type { Caller } from "../rpc/caller.ts";
import type { Probe } from "../telemetry/probe.ts";
import type { Transport } from "../transport.ts";
import type { StoredEntry } from "./rows.ts";
import { asIncoming, storedCall } from "./stored-call.ts";

/** What became of one try to send an entry. */
export type Delivered =
  /** It is done, and can be deleted. */
  { readonly done: true } | ({ readonly done: false } & NotDelivered);

/** It stays, and is tried again after `delayMs`. Without `error`, the process ends and nobody knows. */
export interface NotDelivered {
  readonly delayMs: number;
  readonly error?: string;
  /** It is given up when it has failed so often. What reached nobody did not fail. */
  readonly hasFailed?: boolean;
}

/** Never rejects: whatever happens, an entry is done or stays. */
export type Deliver = (entry: StoredEntry) => Promise<Delivered>;

export interface DeliveryOptions {
  readonly transport: Pick<Transport, "publish">;
  readonly caller: Pick<Caller, "call">;
  readonly reading: Reading;
  readonly bury: Bury;
  readonly log: Logger;
  readonly random: Random;
  readonly probe?: Probe | undefined;
}

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** For what no waiting mends, such as a message that is too large: kept, and looked at now and then. */
const hopelessPauseMs = 600_000;

const notSent: Delivered = { done: false, delayMs: 0 };

/** Sends entries: an event until the broker has confirmed it, a call until it is answered. */
export function delivery(options: DeliveryOptions): Deliver {
  const { transport, caller, reading, bury, log, random, probe } = options;
  const brokersOutage = outage(log, {
    began: "the broker takes nothing from the outbox; what is in it waits there",
    ended: "the broker takes messages from the outbox again",
  });

  /** Services that have no store. One that gets a store is called without keys until this process is started anew. */
  const keyless = new Set<string>();

  async function publish(entry: StoredEntry): Promise<Delivered> {
    try {
      await transport.publish(entry.message);
    } catch (error) {
      return unpublished(entry, error);
    }
    brokersOutage.ended();
    return { done: true };
  }

  function unpublished(entry: StoredEntry, err: unknown): Delivered {
    const code = isFault(err) ? err.code : undefined;
    if (code === "STOPPED") return notSent;
    if (code === "UNAVAILABLE" || code === "OVERLOADED") {
      brokersOutage.began(err);
      return later(entry, err);
    }
    log.error(aboutOf(entry, err), "a message in the outbox cannot be sent, and stays there");
    return code === "UNROUTABLE" ? later(entry, err) : later(entry, err, hopelessPauseMs);
  }

  function later(entry: StoredEntry, error: unknown, atLeastMs = 0): Delivered {
    const ceilingMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(entry.attempts, 10));
    const delayMs = Math.max(atLeastMs, ceilingMs * (0.5 + random() / 2));
    return { done: false, delayMs: Math.round(delayMs), error: textOf(error, 500) };
  }

  async function call(entry: StoredEntry): Promise<Delivered> {
    try {
      await callOnce(entry);
      return { done: true };
    } catch (error) {
      return unanswered(entry, error);
    }
  }

  /** With the entry's id as its key, so that it runs once: where the service has a store to keep the answer in. */
  async function callOnce(entry: StoredEntry): Promise<void> {
    const { method, input, options, trail, codec } = await storedCall(entry, reading).catch(unread);
    const { key: _, ...withoutKey } = options;
    if (keyless.has(method.service)) return void (await caller.call(method, input, withoutKey, trail, codec));
    try {
      await caller.call(method, input, options, trail, codec);
    } catch (error) {
      if (!isFault(error) || error.code !== "KEY_UNSUPPORTED") throw error;
      keyless.add(method.service);
      await caller.call(method, input, withoutKey, trail, codec);
    }
  }

  /** Who cannot be reached is waited for; what fails is tried as often as a reaction; what is an answer is an answer. */
  async function unanswered(entry: StoredEntry, error: unknown): Promise<Delivered> {
    if (isFault(error) && error.code === "STOPPED" && error.from === undefined) return notSent;
    if (isUnreached(error)) {
      log.warn(aboutOf(entry, error), "a call that was to be made could not be made, and is tried again");
      return later(entry, error, retryAfterOf(error));
    }
    const next = nextStep({}, entry.failures + 1, error, random);
    if (next.step === "give-up") return buried(entry, error);
    log.warn(aboutOf(entry, error), "a call that was to be made failed, and is tried again");
    probe?.retried(entry.service, entry.type);
    const told = { delayMs: Math.ceil(next.delayMs), error: textOf(error, 500) };
    return { done: false, ...told, hasFailed: true };
  }

  /** A dead letter of the service that wanted the call; a replay puts it among the calls of the other one. */
  async function buried(entry: StoredEntry, error: unknown): Promise<Delivered> {
    const { service, message } = entry;
    const notice = { service, queue: message.key, reason: "failed", error } as const;
    const disposition = await bury(asIncoming(entry), notice);
    return disposition === "ack" ? { done: true } : later(entry, error);
  }

  return async (entry) => {
    try {
      return await (entry.kind === "call" ? call(entry) : publish(entry));
    } catch (error) {
      log.error(aboutOf(entry, error), "a message in the outbox could not be dealt with, and stays there");
      return later(entry, error);
    }
  };
}

/** Another process of the service may have what it takes to read it: tried again, as what fails is. */
function unread(cause: unknown): never {
  throw new Error(`It cannot be read here: ${textOf(cause)}`, { cause });
}

const unreached: ReadonlySet<string> = new Set(["UNAVAILABLE", "OVERLOADED", "STOPPED", "KEY_IN_USE"]);

/** It says nothing of what the call would do. Neither does a connection that was lost under it. */
function isUnreached(error: unknown): error is Fault {
  if (!isFault(error)) return false;
  return unreached.has(error.code) || (error.code === "UNKNOWN_OUTCOME" && error.from === undefined);
}

function aboutOf(entry: StoredEntry, err: unknown): object {
  const { id, service, type, conversation, attempts, message } = entry;
  return { err, id, service, type, conversation, ...traceIds(message.headers), attempt: attempts + 1 };
}
