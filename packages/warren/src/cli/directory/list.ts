import { type Directory, type DirectoryChange, type DirectoryService, directory } from "../../index.ts";
import { inSession, type Session } from "../session.ts";
import { lineWidth, oneLine } from "../table.ts";
import { terminalJson } from "../text.ts";
import { changeJson, changeLine, directoryLines, instanceJson } from "./directory-text.ts";

interface Options {
  readonly service?: readonly string[];
  readonly watch?: boolean;
  readonly json?: boolean;
}

export async function listDirectory(options: Options): Promise<void> {
  if (!process.env.AMQP_URL)
    throw new Error(
      "AMQP_URL is not set, such as amqp://user:password@host:5672: instances are asked, over their RabbitMQ. " +
        "Services on an embedded broker are reached by their own process alone: call app.directory() there.",
    );
  await inSession((session) => list(session, options));
}

async function list({ transport, letters, signal }: Session, options: Options): Promise<boolean> {
  const { service: wanted, watch = false, json = false } = options;
  // Those that are down say nothing, and are what one looks for.
  const noted = await letters.services().catch(() => []);
  const listed = await directory(transport, { services: wanted ?? noted });
  const isWanted = (name: string): boolean => wanted === undefined || wanted.includes(name);
  const services = (): DirectoryService[] => listed.services().filter(({ name }) => isWanted(name));
  const instances = services().flatMap((each) => each.instances);
  for (const name of wanted ?? []) tellUnknown(name, noted, listed);
  if (watch && process.stdout.isTTY && !json) await redraw(listed, services, signal);
  else {
    if (json) for (const each of instances) console.log(terminalJson(instanceJson(each)));
    else for (const line of directoryLines(services(), lineWidth())) console.log(line);
    if (watch) await follow(listed, isWanted, json, signal);
  }
  await listed.close();
  return watch || instances.length > 0;
}

/** A mistyped name would look like a service that is down. */
function tellUnknown(service: string, noted: readonly string[], listed: Directory): void {
  if (noted.includes(service) || listed.instances({ service }).length > 0) return;
  const there = noted.length === 0 ? "None has started yet." : `There are: ${noted.map(oneLine).join(", ")}.`;
  console.error(`No service "${oneLine(service)}" ever started on this broker. ${there}`);
}

/** One line for each change. */
async function follow(
  listed: Directory,
  isWanted: (service: string) => boolean,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  for await (const change of listed.changes({ signal })) {
    if (change.kind !== "resync" && !isWanted(change.instance.service)) continue;
    const line = json ? terminalJson(changeJson(change)) : changeLine(change, Date.now());
    if (line !== undefined) console.log(line);
  }
}

const recentLines = 8;
const redrawMs = 1_000;

/** The table anew, with the latest changes below, in the place of the old one. */
async function redraw(
  listed: Directory,
  services: () => readonly DirectoryService[],
  signal: AbortSignal,
): Promise<void> {
  const recent: string[] = [];
  const names = new Set(services().map(({ name }) => name));
  const note = (change: DirectoryChange): void => {
    for (const { name } of services()) names.add(name);
    if (change.kind !== "resync" && !names.has(change.instance.service)) return;
    const line = changeLine(change, Date.now());
    if (line !== undefined) recent.push(line);
    recent.splice(0, recent.length - recentLines);
  };
  const draw = (): void => {
    const lines = [
      ...directoryLines(services(), lineWidth()),
      ...(listed.connected ? [] : ["The connection is lost; this is how it was."]),
      "",
      ...recent,
      "Ctrl-C ends.",
    ];
    // Home, each line to its end, and the rest of the screen.
    const shown = lines.slice(0, Math.max(1, (process.stdout.rows || 1_000) - 1));
    process.stdout.write(`\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
  };
  process.stdout.write("\x1b[2J");
  const unwatch = listed.watch(note);
  draw();
  const timer = setInterval(draw, redrawMs);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  clearInterval(timer);
  unwatch();
}
