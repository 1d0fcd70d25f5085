import { findProgram } from "../machine/programs.ts";
import { lastLines, run } from "../machine/run.ts";

/** The official image. Its own settings let "guest" log in from outside the container, so no user has to be made. */
const image = "rabbitmq:4-alpine";

/** Whether a docker engine answers, not only whether its command is there. */
export async function isDockerReady(): Promise<boolean> {
  if (findProgram("docker") === undefined) return false;
  const { code } = await run(
    "docker",
    ["version", "--format", "{{.Server.Version}}"],
    {},
    { timeoutMs: 10_000 },
  );
  return code === 0;
}

/** The arguments of `docker`: loopback only, data in a volume that outlives the container. */
export function runArguments(name: string, port: number): string[] {
  return [
    "run",
    "--detach",
    ...["--name", name],
    // The node's name is part of the path of its data, and its cluster name is how it is recognised.
    ...["--env", `RABBITMQ_NODENAME=${name}@localhost`],
    ...["--publish", `127.0.0.1:${port}:5672`],
    ...["--volume", `${name}:/var/lib/rabbitmq`],
    image,
  ];
}

export async function startContainer(name: string, port: number): Promise<void> {
  // A container of this name is this folder's own, left over by a machine that went down.
  await removeContainer(name);
  await docker(runArguments(name, port));
}

export async function isContainerRunning(name: string): Promise<boolean> {
  const { code, output } = await run("docker", ["inspect", "--format", "{{.State.Running}}", name]);
  return code === 0 && output.trim() === "true";
}

export async function containerLog(name: string): Promise<string> {
  return (await run("docker", ["logs", "--tail", "40", name])).output;
}

/** Asks the node to stop, then removes the container; the volume stays. */
export async function stopContainer(name: string): Promise<void> {
  await docker(["stop", "--time", "30", name]);
  await removeContainer(name);
}

/** Removes the container, running or not. Does nothing when there is none. */
export async function removeContainer(name: string): Promise<void> {
  await docker(["rm", "--force", name], "No such container");
}

export async function removeVolume(name: string): Promise<void> {
  await docker(["volume", "rm", "--force", name]);
}

async function docker(args: string[], tolerated?: string): Promise<void> {
  const { code, output } = await run("docker", args);
  if (code === 0 || (tolerated !== undefined && output.includes(tolerated))) return;
  throw new Error(`"docker ${args.join(" ")}" failed:\n${lastLines(output, 5)}`);
}
