import { type OpenPart, openTables } from "warren-example-host";
import type { MoviesSystemOptions } from "../options.ts";
import { failingDisk } from "./disk.ts";
import { dbService } from "./service.ts";
import { type MoviesTables, moviesSchema } from "./shelf.ts";

export async function openDb({ place, failures }: MoviesSystemOptions): Promise<OpenPart> {
  const store = await openTables<MoviesTables>(place, {
    name: "movies",
    schema: moviesSchema,
    prefers: "postgres",
  });
  return { service: dbService({ store, disk: failingDisk(failures) }) };
}
