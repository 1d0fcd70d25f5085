import type { DirectoryInstance } from "./instance.ts";
import type { Members } from "./members.ts";

/** What is known of one service. */
export interface DirectoryService {
  readonly name: string;
  /** Those that came first are first. */
  readonly instances: readonly DirectoryInstance[];
  /** Each `version` that runs, sorted; an app without one is of the version "". More than one: a deployment is under way. */
  readonly versions: readonly string[];
  /** Each contract that runs. More than one: not all of them mean the same by it. */
  readonly fingerprints: readonly string[];
}

/** @param also services that are listed without an instance too */
export function servicesOf(members: Members, also: readonly string[]): DirectoryService[] {
  const names = [...new Set([...members.services(), ...also])].toSorted();
  return names.map((name) => {
    const instances = members.of(name).toSorted((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
    return {
      name,
      instances,
      versions: [...new Set(instances.map(({ version = "" }) => version))].toSorted(),
      fingerprints: [...new Set(instances.map(({ fingerprint }) => fingerprint))].toSorted(),
    };
  });
}
