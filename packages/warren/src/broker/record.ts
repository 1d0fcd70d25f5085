import { existsSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "../machine/process.ts";

/** What `up` leaves in the data folder so that `status` and `down` find exactly what it started. */
export type BrokerRecord = ProcessRecord | ContainerRecord;

export interface ProcessRecord {
  readonly kind: "process";
  /** Node 1 first; those of a cluster share the epmd. One that ended by itself stays listed. */
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

/** The folder of one node; they count from 1. */
export function nodeFolder(dataDir: string, index: number): string {
  return join(dataDir, `node-${index}`);
}

/** How many nodes this folder has data of; 0 when none was ever up here. */
export function countNodes(dataDir: string): number {
  let count = 0;
  while (existsSync(dataOf(nodeFolder(dataDir, count + 1)))) count++;
  return count;
}

/** Where a node keeps its messages and what it knows. */
export function dataOf(folder: string): string {
  return join(folder, "mnesia");
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
  for (const name of existsSync(dataDir) ? readdirSync(dataDir) : []) {
    if (/^node-\d+$/.test(name)) rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  }
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
