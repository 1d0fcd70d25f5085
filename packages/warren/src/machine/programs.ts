import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Folders that package managers use and that the PATH of an editor or a service often lacks. */
const usualFolders = [
  "/usr/local/sbin",
  "/opt/homebrew/sbin",
  "/usr/local/bin",
  "/opt/homebrew/bin",
  "/usr/bin",
  "/bin",
];

/** The PATH for the programs started here: the caller's, then the usual folders. */
export function searchPath(): string {
  const own = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...new Set([...own, ...usualFolders])].join(delimiter);
}

/** The full path of a program, or `undefined`. */
export function findProgram(name: string): string | undefined {
  return searchPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
