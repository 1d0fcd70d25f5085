import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { removeIfEmpty } from "../machine/folders.ts";
import type { ProcessIdentity } from "../machine/process.ts";
import { type RecordFile, recordFile } from "../machine/record-file.ts";

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

const file: RecordFile<BrokerRecord> = recordFile("broker");
/** `undefined` when nothing was started here, or it was stopped since. */
export const readRecord: RecordFile<BrokerRecord>["read"] = file.read;
export const writeRecord: RecordFile<BrokerRecord>["write"] = file.write;
export const removeRecord: RecordFile<BrokerRecord>["remove"] = file.remove;

/** Deletes what `up` wrote, and the folder itself only when nothing else is in it. */
export function discardData(dataDir: string): void {
  for (const name of existsSync(dataDir) ? readdirSync(dataDir) : []) {
    if (/^node-\d+$/.test(name)) rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  }
  removeRecord(dataDir);
  removeIfEmpty(dataDir);
}
