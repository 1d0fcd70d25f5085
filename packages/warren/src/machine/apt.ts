import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../time.ts";
import { removeIfEmpty } from "./folders.ts";
import { withLock } from "./lock.ts";
import { findProgram } from "./programs.ts";
import { lastLines, run } from "./run.ts";

/** Asked by Debian's packages before they start a service; 101 means "do not". */
const policyPath = "/usr/sbin/policy-rc.d";
const policyAside = `${policyPath}.before-warren`;

/** Whether a package of Debian can be installed here without asking anybody. */
export function canInstall(): boolean {
  return (
    process.getuid?.() === 0 && existsSync("/etc/debian_version") && findProgram("apt-get") !== undefined
  );
}

export interface Installation {
  /** The package. */
  readonly name: string;
  /** Asked once it is this process's turn: another one may have installed it meanwhile. */
  isThere(): boolean | Promise<boolean>;
  /** A file that is there while it is installed, and not afterwards. */
  readonly settings?: { readonly path: string; readonly text: string };
}

/**
 * Installs a package of Debian with what it needs. Its services are not started by that.
 * @returns whether it was installed now
 */
export function installPackage({ name, isThere, settings }: Installation, clock: Clock): Promise<boolean> {
  // Two at once would restore each other's policy.
  return withLock(
    "/run/warren",
    clock,
    async () => {
      if (await isThere()) return false;
      await runApt(["update"]);
      const options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
      await withoutServiceStarts(() => withFile(settings, () => runApt(["install", ...options, name])));
      return true;
    },
    600_000,
  );
}

/** Forbids packages to start services while `work` runs, whatever the machine's own policy says. */
async function withoutServiceStarts(work: () => Promise<void>): Promise<void> {
  const had = existsSync(policyPath);
  if (had) renameSync(policyPath, policyAside);
  const restore = (): void => {
    rmSync(policyPath, { force: true });
    if (had) renameSync(policyAside, policyPath);
  };
  process.once("exit", restore);
  try {
    writeFileSync(policyPath, "#!/bin/sh\nexit 101\n");
    chmodSync(policyPath, 0o755);
    await work();
  } finally {
    process.off("exit", restore);
    restore();
  }
}

async function withFile(file: Installation["settings"], work: () => Promise<void>): Promise<void> {
  if (file === undefined) return work();
  const remove = (): void => rmSync(file.path, { force: true });
  process.once("exit", remove);
  try {
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(file.path, file.text);
    await work();
  } finally {
    process.off("exit", remove);
    remove();
    removeIfEmpty(dirname(file.path));
  }
}

async function runApt(args: string[]): Promise<void> {
  const { code, output } = await run("apt-get", args, { DEBIAN_FRONTEND: "noninteractive" });
  if (code !== 0) throw new Error(`"apt-get ${args.join(" ")}" failed:\n${lastLines(output, 8)}`);
}
