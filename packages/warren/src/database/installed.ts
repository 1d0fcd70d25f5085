import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findProgram, isExecutable } from "../machine/programs.ts";
import { run } from "../machine/run.ts";

/** An installed PostgreSQL. */
export interface Installed {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as `15.18`. */
  readonly version: string;
}

/** Folders with one folder per version, which packages of Debian, Red Hat and Homebrew do not put on the PATH. */
const versioned: readonly { readonly folder: string; readonly name: RegExp; readonly bin: string }[] = [
  { folder: "/usr/lib/postgresql", name: /^\d+$/, bin: "bin" },
  { folder: "/usr", name: /^pgsql-\d+$/, bin: "bin" },
  { folder: "/opt/homebrew/opt", name: /^postgresql@\d+$/, bin: "bin" },
  { folder: "/usr/local/opt", name: /^postgresql@\d+$/, bin: "bin" },
];

/**
 * The PostgreSQL of this machine: of the major version that is wanted, else the latest. `undefined` where there is none.
 */
export async function findInstalled(major?: string): Promise<Installed | undefined> {
  const all: Installed[] = [];
  for (const folder of new Set([...versionedFolders(), ...onPath()])) {
    const [initdb, postgres] = [join(folder, "initdb"), join(folder, "postgres")];
    if (!isExecutable(initdb) || !isExecutable(postgres)) continue;
    const { output } = await run(postgres, ["--version"]);
    const version = /\d+(\.\d+)?/.exec(output)?.[0];
    if (version !== undefined) all.push({ initdb, postgres, version });
  }
  all.sort((a, b) => Number(b.version) - Number(a.version));
  return major === undefined ? all[0] : all.find(({ version }) => version.split(".")[0] === major);
}

function versionedFolders(): string[] {
  return versioned.flatMap(({ folder, name, bin }) =>
    entriesOf(folder)
      .filter((entry) => name.test(entry))
      .map((entry) => join(folder, entry, bin)),
  );
}

function onPath(): string[] {
  const initdb = findProgram("initdb");
  return initdb === undefined ? [] : [join(initdb, "..")];
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Most of these folders are on no one machine.
    return [];
  }
}
