import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Asked by Debian's packages before they start a service; 101 means "do not". */
const usualPath = "/usr/sbin/policy-rc.d";
const text = "#!/bin/sh\n# By warren, while it installs a package.\nexit 101\n";

/**
 * Forbids packages to start services while `work` runs, whatever the machine's own policy says. What a run left that was
 * killed is not taken for the machine's own policy, and goes.
 */
export async function withoutServiceStarts(
  work: () => Promise<void>,
  path: string = usualPath,
): Promise<void> {
  const aside = `${path}.before-warren`;
  const restore = (): void => {
    rmSync(path, { force: true });
    if (existsSync(aside)) renameSync(aside, path);
  };
  if (existsSync(path) && readFileSync(path, "utf8") !== text) renameSync(path, aside);
  process.once("exit", restore);
  try {
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    await work();
  } finally {
    process.off("exit", restore);
    restore();
  }
}
