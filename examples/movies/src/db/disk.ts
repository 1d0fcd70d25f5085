import { drawnFor } from "warren-example-host";

/** What the db service writes to and reads from, as far as it can fail. */
export interface Disk {
  /** @throws Error for some jobs, each time they are tried */
  reach(jobId: string): void;
}

export interface FailureOptions {
  /** Which part of all jobs fails, from 0 to 1. */
  readonly share: number;
  /** The same seed fails the same jobs. */
  readonly seed: string;
}

export function failingDisk({ share, seed }: FailureOptions): Disk {
  return {
    reach(jobId) {
      if (drawnFor(`${seed} disk ${jobId}`) < share)
        throw new Error("The disk of the movies cannot be read (FAIL_SHARE).");
    },
  };
}
