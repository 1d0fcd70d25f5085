import { type OpenPart, openTables } from "warren-example-host";
import type { MoviesSystemOptions } from "../options.ts";
import { pilotService } from "./service.ts";

export async function openPilot({ place }: MoviesSystemOptions): Promise<OpenPart> {
  const store = await openTables(place, { name: "pilot", schema: [], prefers: "postgres" });
  return { service: pilotService(store) };
}
