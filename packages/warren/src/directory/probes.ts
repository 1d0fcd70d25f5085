import { isFault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Clock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { type Gone, probeMessage } from "./messages.ts";
import type { DirectoryObserver } from "./observer.ts";

/** Asks the broker about single instances, a few at a time. */
export interface Probes {
  /**
   * Asks about each of them until `enough` says so.
   * @returns how many are gone
   */
  run(instances: readonly Gone[], enough?: () => boolean): Promise<number>;
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

export function probes(options: ProbesOptions): Probes {
  const { transport, clock, log, observer, isKnown, gone } = options;
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

  async function run(instances: readonly Gone[], enough: () => boolean): Promise<number> {
    let found = 0;
    for (let from = 0; from < instances.length && !stopped && !enough(); from += atOnce) {
      if (from > 0) await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      const some = instances.slice(from, from + atOnce);
      const outcomes = await Promise.all(some.map(isGone));
      for (const [index, instance] of some.entries()) {
        if (!outcomes[index]) continue;
        found++;
        gone(instance);
      }
    }
    return found;
  }

  return {
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
