import type { Example, System } from "warren-example-host";
import { db } from "./db/contract.ts";
import { hints } from "./hints.ts";
import type { MoviesSystemOptions } from "./options.ts";
import { pilot } from "./pilot/contract.ts";

/** The movies, put together: the gateway takes requests, the pilot hands them along, and the db service does them. */
export function moviesSystem(options: MoviesSystemOptions): System {
  return {
    title: "Movies",
    parts: {
      pilot: {
        contract: pilot,
        open: async () => (await import("./pilot/open.ts")).openPilot(options),
      },
      db: {
        contract: db,
        open: async () => (await import("./db/open.ts")).openDb(options),
      },
    },
    hints: ({ url, command }) => hints(url, command),
  };
}

/** As it is started from a command line. */
export const moviesExample: Example = {
  variables: ["DATABASE_URL", "FAIL_SHARE"],
  system: ({ dataDir, databaseUrl, failures }) => moviesSystem({ place: { dataDir, databaseUrl }, failures }),
};
