import type { Clock, Logger, Transport } from "warren";
import { http } from "../../host/test/http.ts";
import { installation as anyInstallation, type Installation } from "../../host/test/installation.ts";
import type { Movie, Page } from "../src/movie.ts";
import { moviesSystem } from "../src/system.ts";

export { http };

export interface InstallationOptions {
  /** One connection to the same broker each time. */
  readonly transport: () => Transport;
  readonly databaseUrl?: string | undefined;
  /** Which part of the jobs of the db service fails. @default none */
  readonly failShare?: number;
  readonly log?: Logger;
  readonly clock?: Clock;
}

/** Databases that several compositions share, and the ends of all of them. */
export function installation(options: InstallationOptions): Installation {
  const { databaseUrl, failShare = 0, ...more } = options;
  const failures = { share: failShare, seed: "1" };
  const systems = (dataDir: string) => [moviesSystem({ place: { dataDir, databaseUrl }, failures })];
  return anyInstallation({ systems, ...more });
}

export const playtime = { title: "Playtime", description: "A day in Paris" };

/** Stores a movie. @throws Error where it is answered with anything but 201 */
export async function add(url: string, movie: Partial<typeof playtime> = {}): Promise<Movie> {
  const { status, body } = await http("POST", `${url}/movies/`, { json: { ...playtime, ...movie } });
  if (status !== 201) throw new Error(`adding answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

export async function list(url: string, query = ""): Promise<Page> {
  return (await http("GET", `${url}/movies/${query}`)).body;
}
