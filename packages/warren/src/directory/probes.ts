import { isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Clock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { type Gone, probeMessage } from "./messages.ts";
import type { DirectoryObserver } from "./observer.ts";

/** Asks the broker about single instances. */
export interface Probes {
  /** Asks about one at once; for what somebody says, of which a bounded number is asked about at the same time. */
  one(instance: Gone): void;
  /** Asks about each of them, a few at a time, until `enough` says so. */
  run(instances: readonly Gone[], enough?: () => boolean): Promise<void>;
  stop(): void;
}

export interface ProbesOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: DirectoryObserver | undefined;
  /** Whether it is known at all, and what is to be done when it is gone. */
  readonly isKnown: (instance: Gone) => boolean;
  readonly gone: (instance: Gone) => void;
}

/** At most 200 a second: of a service with a thousand instances each is asked about within 5 s. */
const atOnce = 10;
const pauseMs = 50;
const mostSingle = 100;

export function probes(options: ProbesOptions): Probes {
  const { transport, clock, log, observer, isKnown, gone } = options;
  const single = new Set<string>();
  let stopped = false;
  /** One run after the other, so that the pace is that of all. */
  let last: Promise<unknown> = Promise.resolve();

  async function isGone(instance: Gone): Promise<boolean> {
    if (stopped || !isKnown(instance)) return false;
    observer?.sent?.("probe");
    try {
      await transport.publish(probeMessage(instance));
      return false;
    } catch (error) {
      if (isFault(error) && error.code === "UNROUTABLE") return isKnown(instance);
      // The broker is away, or takes nothing: it is asked another time.
      log.debug({ err: error, ...instance }, "the broker did not say whether an instance is there");
      return false;
    }
  }

  async function ask(instance: Gone): Promise<void> {
    if (await isGone(instance)) gone(instance);
  }

  async function run(instances: readonly Gone[], enough: () => boolean): Promise<void> {
    for (let from = 0; from < instances.length && !stopped && !enough(); from += atOnce) {
      const pause = new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      await Promise.all(instances.slice(from, from + atOnce).map(ask));
      if (from + atOnce < instances.length) await pause;
    }
  }

  return {
    one(instance) {
      const key = `${instance.service} ${instance.instance}`;
      if (single.has(key) || single.size >= mostSingle) return;
      single.add(key);
      void ask(instance).finally(() => single.delete(key));
    },
    run(instances, enough = () => false) {
      const next = last.then(() => run(instances, enough));
      last = next;
      return next;
    },
    stop() {
      stopped = true;
    },
  };
}
