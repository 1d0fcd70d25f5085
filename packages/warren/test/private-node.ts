import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { brokerDown, brokerStatus, brokerUp, nodeDown, nodeUp } from "../src/broker/index.ts";

/** A RabbitMQ node of one test file, for what would disturb all others on the common one. */
export interface PrivateNode {
  readonly url: string;
  /** The same broker for another user. */
  urlOf(user: string, password: string): string;
  /** Evaluates an Erlang expression on it, as `rabbitmqctl eval` does in a hundred times the time. @returns its value */
  evaluate(erlang: string): Promise<string>;
  down(how: "kill" | "stop"): Promise<void>;
  up(): Promise<void>;
  discard(): Promise<void>;
}

export async function privateNode(): Promise<PrivateNode> {
  const dataDir = mkdtempSync(join(tmpdir(), "warren-private-"));
  // Far from where other tests look for a free one while this node is down.
  const { url } = await brokerUp({ dataDir, port: 21_000 + Math.floor(Math.random() * 4_000) });
  return {
    url,
    urlOf: (user, password) => url.replace("amqp://", `amqp://${user}:${password}@`),
    async evaluate(erlang) {
      const { nodes, epmdPort } = await brokerStatus(dataDir);
      const { name, folder } = nodes[0]!;
      // Its home has the cookie.
      const env = { PATH: process.env.PATH, HOME: folder, LANG: "C.UTF-8", ERL_EPMD_PORT: String(epmdPort) };
      const call = spawn("erl_call", ["-sname", name, "-e"], { cwd: folder, env });
      call.stdin.end(`${erlang}\n`);
      const closed = once(call, "close");
      const [output, errors] = await Promise.all([text(call.stdout), text(call.stderr), closed]);
      if (!output.startsWith("{ok,")) throw new Error(`"${erlang}" failed: ${output}${errors}`);
      return output.slice(4, -1).trim();
    },
    down: async (how) => void (await nodeDown(dataDir, 1, { kill: how === "kill" })),
    up: async () => void (await nodeUp(dataDir, 1)),
    async discard() {
      await brokerDown(dataDir, { discard: true });
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
