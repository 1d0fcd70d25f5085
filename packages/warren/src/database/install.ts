import { installPackage } from "../machine/apt.ts";
import type { Clock } from "../time.ts";
import { findInstalled } from "./installed.ts";

/** Read by Debian's package beside its own settings, which are the user's. */
const noCluster = {
  path: "/etc/postgresql-common/createcluster.d/warren.conf",
  text: "create_main_cluster = false\n",
};

/**
 * Installs Debian's PostgreSQL. The package would make a database of its own that starts at every boot on port 5432; it
 * does not here, and whatever database is on this machine stays as it is.
 */
export async function installPostgres(log: (line: string) => void, clock: Clock): Promise<void> {
  log("PostgreSQL is not installed: installing Debian's (apt-get, about a minute) ...");
  const isThere = async (): Promise<boolean> => (await findInstalled()) !== undefined;
  if (await installPackage({ name: "postgresql", isThere, settings: noCluster }, clock))
    log("Installed. The package's own database on port 5432 was not made.");
}
