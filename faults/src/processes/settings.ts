import type { Mix } from "./message.ts";

/** What every process of a run is told. */
export interface CommonSettings {
  /** Where the histories are. */
  readonly folder: string;
  /** Its own name, new at each start. */
  readonly who: string;
  readonly run: string;
  readonly urls: readonly string[];
  readonly seed: number;
  readonly heartbeatSeconds: number;
}

export interface PublisherSettings extends CommonSettings {
  readonly perSecond: number;
  /** The most that may be unconfirmed. */
  readonly inFlight: number;
  readonly keys: number;
  readonly mix: Mix;
  /** Awaits each message of a key before the next one of it: so order begins. */
  readonly inOrder: boolean;
  /** Stops by itself after so many. */
  readonly messages: number | undefined;
  readonly callsPerSecond: number;
}

export interface WorkerSettings extends CommonSettings {
  readonly prefetch: number;
  /** Those of one key one after the other. */
  readonly inOrder: boolean;
  readonly slowMs: number;
  readonly retry: { readonly attempts: number; readonly baseMs: number; readonly capMs: number };
  /** How long a reaction may take. */
  readonly timeoutMs: number;
}

/** For use in a process of a run: what its supervisor passed. */
export function settings<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}
