import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../time.ts";
import { removeIfEmpty } from "./folders.ts";
import { withLock } from "./lock.ts";
import { findProgram } from "./programs.ts";
import { lastLines, run } from "./run.ts";
import { withoutServiceStarts } from "./service-starts.ts";
import { signalsHeldBack } from "./signals.ts";

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
 * Installs a package of Debian with what it needs. Its services are not started by that. A signal that would end this
 * process is heard when that is over: Ctrl-C ends apt-get as well.
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
      const install = () => runApt(["install", ...options, name]);
      await signalsHeldBack(() => withoutServiceStarts(() => withFile(settings, install)));
      return true;
    },
    600_000,
  );
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
