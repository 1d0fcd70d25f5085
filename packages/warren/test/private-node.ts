import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { brokerDown, brokerStatus, brokerUp, nodeDown, nodeUp } from "../src/broker/index.ts";

/** A RabbitMQ node of one test file, for what would disturb all others on the common one. */
export interface PrivateNode {
  readonly url: string;
  /** The same broker for another user. */
  urlOf(user: string, password: string): string;
  /** Runs `rabbitmqctl eval` on it, which takes a second. @returns what it printed */
  evaluate(erlang: string): Promise<string>;
  down(how: "kill" | "stop"): Promise<void>;
  up(): Promise<void>;
  discard(): Promise<void>;
}

export async function privateNode(): Promise<PrivateNode> {
  const dataDir = mkdtempSync(join(tmpdir(), "warren-private-"));
  const { url } = await brokerUp({ dataDir, port: 21_000 + Math.floor(Math.random() * 4_000) });
  const ctl = "/usr/lib/rabbitmq/bin/rabbitmqctl";
  return {
    url,
    urlOf: (user, password) => url.replace("amqp://", `amqp://${user}:${password}@`),
    async evaluate(erlang) {
      const { nodes, epmdPort } = await brokerStatus(dataDir);
      const { name, folder } = nodes[0]!;
      const { stdout } = await promisify(execFile)(ctl, ["--node", name, "eval", erlang], {
        cwd: folder,
        env: {
          PATH: `${process.env.PATH}:${dirname(ctl)}`,
          HOME: folder,
          LANG: "C.UTF-8",
          ERL_EPMD_PORT: String(epmdPort),
          ERL_EPMD_ADDRESS: "127.0.0.1",
          RABBITMQ_CONF_ENV_FILE: "/dev/null",
        },
      });
      return stdout;
    },
    down: async (how) => void (await nodeDown(dataDir, 1, { kill: how === "kill" })),
    up: async () => void (await nodeUp(dataDir, 1)),
    async discard() {
      await brokerDown(dataDir, { discard: true });
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
