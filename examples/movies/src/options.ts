import type { Place } from "warren-example-host";
import type { FailureOptions } from "./db/disk.ts";

/** What the services are opened with. */
export interface MoviesSystemOptions {
  readonly place: Place;
  /** Which of the jobs of the db service fail. */
  readonly failures: FailureOptions;
}
