import { existing } from "../machine/folders.ts";
import { isAlive, type ProcessIdentity } from "../machine/process.ts";
import { type RecordFile, recordFile } from "../machine/record-file.ts";
import { type Clock, systemClock } from "../time.ts";
import { dataIn, findHome, passwordIn } from "./home.ts";
import { answers } from "./probe.ts";
import { isReady, user } from "./server.ts";

export interface DatabaseRecord extends ProcessIdentity {
  readonly port: number;
  readonly version: string;
}

/** What `up` leaves in the data folder so that `status` and `down` find exactly what it started. */
export const record: RecordFile<DatabaseRecord> = recordFile("database");

/** `silent`: the process is there and does not answer, or not yet. `stopped`: it is not there. */
export type DatabaseStatus = { readonly dataDir: string } & (
  | ({ readonly state: "running" } & Reached)
  | ({ readonly state: "silent" } & Reached)
  | { readonly state: "stopped" }
);

interface Reached {
  /** With the password. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Such as `15.18`. */
  readonly version: string;
  /** Where its data and its log are. */
  readonly folder: string;
}

/** Looks, and changes nothing. */
export async function databaseStatus(dataDir: string, clock: Clock = systemClock): Promise<DatabaseStatus> {
  const at = existing(dataDir) ?? dataDir;
  const server = record.read(at);
  const folder = findHome(at);
  if (server === undefined || folder === undefined || !isAlive(server))
    return { state: "stopped", dataDir: at };
  const { pid, port, version } = server;
  const isRunning = isReady(dataIn(folder), server) && (await answers(port, clock));
  const url = `postgres://${user}:${passwordIn(folder)}@127.0.0.1:${port}/postgres`;
  return { state: isRunning ? "running" : "silent", dataDir: at, url, port, pid, version, folder };
}
