import { seedFor } from "../nemesis/random.ts";
import type { CommonSettings, PublisherSettings, WorkerSettings } from "../processes/settings.ts";
import { type Place, place } from "../processes/supervisor.ts";
import type { RunOptions } from "./run-options.ts";
import type { Load } from "./scenario.ts";

/** The processes of a run. */
export interface Crew {
  readonly publishers: Place[];
  readonly workers: Place[];
  startWorkers(): void;
  startPublishers(): void;
  /** Publishers pause, or go on. */
  togglePublishing(): void;
  /** Rejects when a process cannot be started. */
  readonly failure: Promise<never>;
}

/** What all processes of a run are told. */
export type Common = Omit<CommonSettings, "who" | "seed">;

export function crew(options: RunOptions, load: Load, common: Common): Crew {
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const publishers: Place[] = [];
  const workers: Place[] = [];
  const start = (role: "publisher" | "worker", i: number, settings: object): Place =>
    place({
      name: `${role}-${i}`,
      role,
      folder: options.folder,
      settings,
      seed: seedFor(options.seed, `${role}-${i}`),
      nodeArguments: options.nodeArguments,
      environment: options.environment,
      failed: failure.reject,
    });
  return {
    publishers,
    workers,
    failure: failure.promise,
    startWorkers() {
      for (let i = 1; i <= load.workers; i++) workers.push(start("worker", i, workerSettings(common, load)));
    },
    startPublishers() {
      for (let i = 1; i <= load.publishers; i++)
        publishers.push(start("publisher", i, publisherSettings(common, load)));
    },
    togglePublishing() {
      for (const publisher of publishers) publisher.signal("SIGUSR2");
    },
  };
}

function publisherSettings(common: Common, load: Load): Omit<PublisherSettings, "who" | "seed"> {
  const { perSecond, inFlight, keys, mix, inOrder, callsPerSecond, backlog: messages } = load;
  return { ...common, perSecond, inFlight, keys, mix, inOrder, callsPerSecond, messages };
}

function workerSettings(common: Common, load: Load): Omit<WorkerSettings, "who" | "seed"> {
  const { prefetch, inOrder, slowMs, timeoutMs, attempts } = load;
  return { ...common, prefetch, inOrder, slowMs, timeoutMs, retry: { attempts, baseMs: 200, capMs: 1_000 } };
}
