/** What an instance says of how busy it is; of its whole process. */
export interface InstanceLoad {
  /** Handlers under way. */
  readonly handlers: number;
  /** Which part of the time its event loop was busy, lately: 0 to 1. */
  readonly eventLoop: number;
}

/** One running copy of a service, as it was last heard of. A value: what is learnt later makes another one. */
export interface DirectoryInstance {
  readonly service: string;
  /** The id of its process: what a call names with `to`. Services of one process share it. */
  readonly id: string;
  /** The `version` that its app was given. */
  readonly version: string | undefined;
  /** Of its contract: the same for all instances that mean the same by it. */
  readonly fingerprint: string;
  readonly host: string;
  readonly pid: number;
  /** When it began to take work, milliseconds since the epoch, by its own clock. */
  readonly since: number;
  /** `leaving`: it takes no more work, and finishes what it has. */
  readonly state: "here" | "leaving";
  /** As of `heardAt`: told when it joins, when it is asked, and about every two minutes. */
  readonly load: InstanceLoad | undefined;
  /** When it was last heard, milliseconds since the epoch, by the clock of who listens. */
  readonly heardAt: number;
  /** Who listens was cut off since then, and does not know yet whether it is still there. */
  readonly stale: boolean;
}
