import { readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "./process.ts";

/** What `up` leaves in the data folder so that `status` and `down` find exactly what it started. */
export type BrokerRecord = ProcessRecord | ContainerRecord;

export interface ProcessRecord {
  readonly kind: "process";
  /** One for now; a cluster will have several, which share the epmd. */
  readonly nodes: readonly NodeRecord[];
  /** Erlang's name service, private to this data folder. */
  readonly epmd: ProcessIdentity & { readonly port: number };
}

export interface NodeRecord extends ProcessIdentity {
  readonly name: string;
  readonly port: number;
}

export interface ContainerRecord {
  readonly kind: "container";
  readonly name: string;
  readonly port: number;
}

/** The folder of node 1, which will have brothers when there is a cluster. */
export function nodeFolder(dataDir: string): string {
  return join(dataDir, "node-1");
}

/** `undefined` when nothing was started here, or it was stopped since. */
export function readRecord(dataDir: string): BrokerRecord | undefined {
  const path = recordPath(dataDir);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as BrokerRecord;
  } catch (cause) {
    throw new Error(`${path} is not readable as JSON. Delete it once no broker of this folder runs.`, {
      cause,
    });
  }
}

/** Replaces the record in one step, so that nobody reads half of it. */
export function writeRecord(dataDir: string, record: BrokerRecord): void {
  const path = recordPath(dataDir);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

export function removeRecord(dataDir: string): void {
  rmSync(recordPath(dataDir), { force: true });
}

/** Deletes what `up` wrote, and the folder itself only when nothing else is in it. */
export function discardData(dataDir: string): void {
  rmSync(nodeFolder(dataDir), { recursive: true, force: true, maxRetries: 5 });
  removeRecord(dataDir);
  try {
    rmdirSync(dataDir);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT" && code !== "EEXIST") throw error;
  }
}

function recordPath(dataDir: string): string {
  return join(dataDir, "broker.json");
}
