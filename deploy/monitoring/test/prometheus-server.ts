import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { canInstall, installPackage } from "../../../packages/warren/src/machine/apt.ts";
import { anyFreePort } from "../../../packages/warren/src/machine/ports.ts";
import { findProgram } from "../../../packages/warren/src/machine/programs.ts";
import { run } from "../../../packages/warren/src/machine/run.ts";
import { systemClock } from "../../../packages/warren/src/time.ts";

/**
 * Whether there is a Prometheus: an installed one, else Debian's, which is installed where that needs nobody's leave. The
 * package's own service is not started by that.
 */
export async function havePrometheus(): Promise<boolean> {
  const isThere = (): boolean => ["prometheus", "promtool"].every((name) => findProgram(name) !== undefined);
  if (!isThere() && canInstall()) {
    console.log("Prometheus is not installed: installing Debian's (apt-get) ...");
    const isNew = await installPackage({ name: "prometheus", isThere }, systemClock);
    // Nor is it at the next boot of this machine.
    if (isNew && findProgram("systemctl") !== undefined)
      await run("systemctl", ["disable", "prometheus.service"]);
  }
  if (!isThere()) console.warn(`Tests are left out: ${withoutPrometheus}.`);
  return isThere();
}

export const withoutPrometheus =
  "there is no Prometheus here, and it cannot be installed: apt-get install prometheus, as root";

export interface Prometheus {
  /** What `/api/v1/<path>` answers, its `data`. @throws Error with what Prometheus says of a bad question */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<any>;
  /** What it complains of: warnings and errors of its log. */
  complaints(): string;
  stop(): Promise<void>;
}

/** The kit's Prometheus, on a port and in a folder of its own; ends with this process, however that ends. */
export async function startPrometheus(kit: string, targets: readonly string[]): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "warren-prometheus-"));
  const config = hurriedCopy(join(kit, "prometheus"), folder, targets);
  const address = `127.0.0.1:${await anyFreePort()}`;
  const args = [
    ...[`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "data")}`],
    ...[`--web.listen-address=${address}`, "--log.level=warn"],
  ];
  const guard = spawn(
    "sh",
    [
      "-c",
      '"$@" & child=$!; cat >/dev/null; kill "$child"; wait "$child"',
      "sh",
      findProgram("prometheus")!,
      ...args,
    ],
    { stdio: ["pipe", "ignore", "pipe"] },
  );
  let said = "";
  guard.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4_096);
  });
  const stop = async (): Promise<void> => {
    await ended(guard);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await answering(`http://${address}/-/ready`);
  } catch (cause) {
    await stop();
    throw new Error(`Prometheus does not answer. Its last words:\n${said}`, { cause });
  }
  return {
    stop,
    complaints: () => said,
    async ask(path, parameters = {}) {
      const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`;
      const answer = (await (await fetch(url)).json()) as { status: string; data: unknown; error?: string };
      if (answer.status !== "success") throw new Error(`${answer.error}: ${JSON.stringify(parameters)}`);
      return answer.data;
    },
  };
}

/** The kit as it is, but for what it scrapes, and for how long that takes. */
function hurriedCopy(from: string, folder: string, targets: readonly string[]): string {
  cpSync(from, folder, { recursive: true });
  const path = join(folder, "prometheus.yml");
  const config = parse(readFileSync(path, "utf8"));
  config.global = {
    ...config.global,
    scrape_interval: "1s",
    scrape_timeout: "1s",
    evaluation_interval: "1s",
  };
  config.scrape_configs = config.scrape_configs.filter(({ job_name }: any) => job_name === "warren");
  delete config.scrape_configs[0].static_configs;
  writeFileSync(path, stringify(config));
  writeFileSync(join(folder, "targets/services.yml"), stringify([{ targets }]));
  return path;
}

async function answering(url: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const { ok, status } = await fetch(url);
      if (ok) return;
      if (tries === 100) throw new Error(`${url} answers with ${status}.`);
    } catch (error) {
      if (tries === 100) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Ends a program that ends when its standard input does. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.stdin!.end();
  await closed;
}
