import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** An installed RabbitMQ and what it needs beside it. */
export interface Installed {
  /** The server's own script, not a package's wrapper that insists on a user and folders of its own. */
  readonly server: string;
  readonly epmd: string;
}

/** Where Debian, Ubuntu and Fedora keep the scripts that their wrappers in /usr/sbin call. */
const packageScripts = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/** Folders that package managers use and that the PATH of an editor or a service often lacks. */
const usualFolders = [
  "/usr/local/sbin",
  "/opt/homebrew/sbin",
  "/usr/local/bin",
  "/opt/homebrew/bin",
  "/usr/bin",
  "/bin",
];

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

/** The PATH for the programs started here: the caller's, then the usual folders. */
export function searchPath(): string {
  const own = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...new Set([...own, ...usualFolders])].join(delimiter);
}

/** The full path of a program, or `undefined`. */
export function findProgram(name: string): string | undefined {
  return searchPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function findEpmd(): string | undefined {
  const onPath = findProgram("epmd");
  const erl = findProgram("erl");
  if (onPath !== undefined || erl === undefined) return onPath;
  const beside = join(dirname(realpathSync(erl)), "epmd");
  return isExecutable(beside) ? beside : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
