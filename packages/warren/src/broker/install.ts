import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Clock } from "../time.ts";
import { findProgram } from "./installed.ts";
import { withLock } from "./lock.ts";
import { lastLines, run } from "./run.ts";

/** Asked by Debian's packages before they start a service; 101 means "do not". */
const policyPath = "/usr/sbin/policy-rc.d";
const policyAside = `${policyPath}.before-warren`;

/** Whether Debian's package can be installed here without asking anybody. */
export function canInstall(): boolean {
  return (
    process.getuid?.() === 0 && existsSync("/etc/debian_version") && findProgram("apt-get") !== undefined
  );
}

/**
 * Installs Debian's rabbitmq-server. The package would start a node of its own on port 5672 and again at every boot;
 * neither happens here, and no node that ran before is touched.
 */
export function installPackage(log: (line: string) => void, clock: Clock): Promise<void> {
  // Two at once would restore each other's policy.
  return withLock("/run/warren", clock, () => install(log), 600_000);
}

async function install(log: (line: string) => void): Promise<void> {
  if (findProgram("rabbitmq-server") !== undefined) return;
  log("RabbitMQ is not installed: installing Debian's rabbitmq-server (apt-get, about a minute) ...");
  await runApt(["update"]);
  await withoutServiceStarts(() =>
    runApt(["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", "rabbitmq-server"]),
  );
  if (findProgram("systemctl") !== undefined) {
    const { code, output } = await run("systemctl", ["disable", "rabbitmq-server.service"]);
    if (code !== 0) log(`The package's own service could not be disabled: ${lastLines(output, 2)}`);
  }
  log("Installed. The package's own service on port 5672 is left switched off.");
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

async function runApt(args: string[]): Promise<void> {
  const { code, output } = await run("apt-get", args, { DEBIAN_FRONTEND: "noninteractive" });
  if (code !== 0) throw new Error(`"apt-get ${args.join(" ")}" failed:\n${lastLines(output, 8)}`);
}
