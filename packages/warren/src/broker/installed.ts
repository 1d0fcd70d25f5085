import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram, isExecutable } from "../machine/programs.ts";

/** An installed RabbitMQ and what it needs beside it. */
export interface Installed {
  /** The server's own script, not a package's wrapper that insists on a user and folders of its own. */
  readonly server: string;
  readonly epmd: string;
}

/** Where Debian, Ubuntu and Fedora keep the scripts that their wrappers in /usr/sbin call. */
const packageScripts = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/** The RabbitMQ of this machine, or `undefined` when there is none. */
export function findInstalled(): Installed | undefined {
  const server = isExecutable(packageScripts) ? packageScripts : findProgram("rabbitmq-server");
  if (server === undefined) return undefined;
  const epmd = findEpmd();
  if (epmd === undefined) {
    throw new Error(
      `${server} is there, but Erlang's "epmd" is neither on the PATH nor beside "erl". Add it to the PATH.`,
    );
  }
  return { server, epmd };
}

function findEpmd(): string | undefined {
  const onPath = findProgram("epmd");
  const erl = findProgram("erl");
  if (onPath !== undefined || erl === undefined) return onPath;
  const beside = join(dirname(realpathSync(erl)), "epmd");
  return isExecutable(beside) ? beside : undefined;
}
