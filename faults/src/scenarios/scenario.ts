import type { Rhythm } from "../nemesis/schedule.ts";
import type { Mix } from "../processes/message.ts";
import type { World } from "./world.ts";

/** Something that goes wrong. `strike` does it, and gives back what undoes it; nothing where it is over at once. */
export interface Fault {
  readonly name: string;
  strike(world: World, chance: number): Promise<Heal | undefined>;
}
/** Gives when it was over, by the clock of the histories, where that was before it returned. */
export type Heal = () => Promise<number | void>;

/** What runs while the faults happen. */
export interface Load {
  readonly publishers: number;
  readonly workers: number;
  /** Of each publisher. */
  readonly perSecond: number;
  /** Unconfirmed messages of each publisher. */
  readonly inFlight: number;
  readonly keys: number;
  readonly mix: Mix;
  readonly prefetch: number;
  /** Publishers await each message of a key, and workers have those of one key one after the other. */
  readonly inOrder: boolean;
  readonly slowMs: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly heartbeatSeconds: number;
  /** Of each publisher. */
  readonly callsPerSecond: number;
  /** Publish so many each, and start the workers only then. */
  readonly backlog: number | undefined;
}

/** What must hold beyond "nothing lost, nothing unexpected". */
export interface Demands {
  /** Every call is answered, and none runs twice. */
  readonly calls?: boolean;
  /** No message is begun before the earlier ones of its publisher and key are done or given up. */
  readonly inOrder?: boolean;
  /** No innocent message becomes a dead letter. */
  readonly noneDragged?: boolean;
  /** From the end of each fault to the next effect. */
  readonly recoveryMs?: number;
  /** The most memory of a worker. */
  readonly workerMib?: number;
}

export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /** The number of its group in the list of faults of docs/faults.md. */
  readonly group: string;
  /** How many broker nodes it needs. */
  readonly nodes: 1 | 3;
  /** The processes reach the broker through a TCP proxy that can fail. */
  readonly proxied?: boolean;
  readonly load?: Partial<Load>;
  readonly faults: readonly Fault[];
  readonly rhythm?: Partial<Rhythm>;
  /** Unless the user says otherwise. */
  readonly seconds?: number;
  readonly demands?: Demands;
  /** How long the drain may make no progress, in milliseconds. @default 30_000 */
  readonly patienceMs?: number;
  /** Not part of `--all`. */
  readonly long?: boolean;
}

export const usualLoad: Load = {
  publishers: 2,
  workers: 2,
  perSecond: 250,
  inFlight: 500,
  keys: 50,
  mix: { ok: 0.9, slow: 0.05, flaky: 0.05 },
  prefetch: 100,
  inOrder: false,
  slowMs: 50,
  timeoutMs: 2_000,
  attempts: 5,
  heartbeatSeconds: 10,
  callsPerSecond: 0,
  backlog: undefined,
};

export const usualRhythm: Rhythm = { lastsMs: [500, 2_000], pauseMs: [700, 2_500], calmMs: 1_000 };

/**
 * For scenarios that kill nodes. RabbitMQ 3.10 writes down that a quorum queue exists only some time after it was
 * declared; a node that is killed before has the queue back without its messages and without a leader.
 */
export const settledMs = 6_000;
/**
 * RabbitMQ's own dead-lettering publishes again only after 10 s, as `warren broker up` sets it, what a queue did not
 * confirm while its leader was away. Messages that come home from a delay at such a moment are that late each time;
 * they are in no figure of any queue meanwhile.
 */
export const deadLetteringMs = 45_000;

export const usualSeconds = 10;
