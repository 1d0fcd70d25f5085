import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** A file of the repository; the rules take these, so that a test can hand them ones that were never written. */
export interface SourceFile {
  /** From the top of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const top = join(import.meta.dirname, "../..");
const notOurs = new Set(["node_modules", "dist", "coverage", "data", ".git", ".warren"]);

/** Every file of the repository whose name ends like this. */
export function filesEndingIn(...endings: string[]): SourceFile[] {
  return walk(top)
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => ({ path: relative(top, path).split(sep).join("/"), text: readFileSync(path, "utf8") }));
}

/** Whether the repository has this file or folder. */
export function isInRepository(path: string): boolean {
  const full = join(top, path);
  return !relative(top, full).startsWith("..") && existsSync(full);
}

/**
 * Whether Git ignores this file or folder, which then is there after a build, say, and not before. Without Git, and outside
 * of a repository, nothing is ignored.
 */
export function isIgnored(path: string): boolean {
  // A rule for a folder needs the slash where the folder is not there to be looked at.
  const names = [path, `${path.replace(/\/$/, "")}/`];
  return spawnSync("git", ["check-ignore", "--", ...names], { cwd: top }).status === 0;
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(top, path), "utf8")) as T;
}

export function isTest(path: string): boolean {
  return /\.(test|test-d)\.tsx?$/.test(path) || path.includes("/test/");
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}
