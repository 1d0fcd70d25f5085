import { installPackage } from "../machine/apt.ts";
import { findProgram } from "../machine/programs.ts";
import { lastLines, run } from "../machine/run.ts";
import type { Clock } from "../time.ts";

/**
 * Installs Debian's rabbitmq-server. The package would start a node of its own on port 5672 and again at every boot;
 * neither happens here, and no node that ran before is touched.
 */
export async function installRabbitMq(log: (line: string) => void, clock: Clock): Promise<void> {
  const isThere = (): boolean => findProgram("rabbitmq-server") !== undefined;
  if (isThere()) return;
  log("RabbitMQ is not installed: installing Debian's rabbitmq-server (apt-get, about a minute) ...");
  if (!(await installPackage({ name: "rabbitmq-server", isThere }, clock))) return;
  if (findProgram("systemctl") !== undefined) {
    const { code, output } = await run("systemctl", ["disable", "rabbitmq-server.service"]);
    if (code !== 0) log(`The package's own service could not be disabled: ${lastLines(output, 2)}`);
  }
  log("Installed. The package's own service on port 5672 is left switched off.");
}
