import { fromEnv, isFault, type Logger, runUntilSignal } from "warren";
import { serveHealth } from "warren/health";
import { logger } from "warren/logs";
import type { Telemetry } from "warren/telemetry";
import { type Composition, compose } from "./compose.ts";
import { helpText } from "./help.ts";
import { type HintsAbout, hintsOf, startPage } from "./hints.ts";
import { partNamesOf } from "./parts.ts";
import { reasonOf } from "./reason.ts";
import { type Settings, settingsOf } from "./settings.ts";
import { addStartPage, type StartPage } from "./start-page.ts";
import type { Example, System } from "./system.ts";
import { telemetryFor } from "./telemetry.ts";
import { titleOf } from "./title.ts";

/** What is started. */
export interface About {
  /** In words: "The orders". */
  readonly name: string;
  /** What a reader typed: `npm start -w examples/orders`. */
  readonly command: string;
}

/** Longer than the app's own time to drain (10 s), so that only what hangs is cut off. */
const stopLimitMs = 15_000;

/**
 * Runs examples in this process, behind one gateway, as the command line and the environment ask for, until SIGTERM or
 * Ctrl-C. Ends the process with 2 where something was asked for that cannot be, and with 1 where it cannot start.
 */
export async function runExamples(examples: readonly Example[], about: About): Promise<void> {
  const { command, name } = about;
  const ways = examples.flatMap((example) => example.ways ?? []);
  const variables = [...new Set(examples.flatMap((example) => example.variables ?? []))];
  // Which parts there are does not depend on settings.
  const usual = settingsOf([], {}, { command, ways, partNames: [] }) as Settings;
  const partNames = partNamesOf(examples.map(({ system }) => system(usual)));
  const settings = settingsOf(process.argv.slice(2), process.env, { command, ways, partNames });
  if (settings === "help") {
    const what = `${name}: ${examples.length === 1 ? "an example application" : "example applications"} of Warren.`;
    process.stdout.write(helpText({ what, command, partNames, ways, variables }));
  } else if ("refused" in settings) {
    process.stderr.write(`${settings.refused}\n`);
    process.exitCode = 2;
  } else {
    await run(
      examples.map(({ system }) => system(settings)),
      settings,
      about,
    );
  }
}

async function run(systems: readonly System[], settings: Settings, about: About): Promise<void> {
  const { names, broker, dataDir } = settings;
  let composition: Composition | undefined;
  let telemetry: Telemetry | undefined;
  try {
    // To stderr, since stdout is for people who want to know what to type.
    const log = await logger({ level: settings.logLevel, to: "stderr" });
    // Before what it measures is made, and stopped as the last thing.
    telemetry = await telemetryFor(settings, log);
    // Without RabbitMQ, what waits in queues is kept beside the rest of the data.
    const journalDir = systems.find((system) => system.journalDir !== undefined)?.journalDir ?? dataDir;
    const transport = await fromEnv({ log, env: { ...process.env, WARREN_DATA: journalDir } });
    composition = await compose({ systems, names, transport, log });
    // From here on, so that a signal ends the waiting for a broker as well.
    const last = (): Promise<void> | undefined => telemetry?.stop();
    void runUntilSignal(composition.app, { first: composition.stop, last, limitMs: stopLimitMs });
    // Before it starts, so that a process which waits for its broker is seen to.
    const { healthPort: port, host } = settings;
    if (port !== undefined) await serveHealth(composition.app, { port, host });
    const page = Promise.withResolvers<StartPage>();
    if (composition.server !== undefined) addStartPage(composition.server, page.promise);
    await (broker === undefined ? composition.start() : patiently(composition.start(), broker, log));
    // So that this process knows of all instances, and not only of those of its own services.
    if (telemetry !== undefined) await composition.app.directory();
    await announce(composition, { systems, settings, command: about.command }, page.resolve);
    if (telemetry?.metricsUrl !== undefined) process.stdout.write(`Metrics are at ${telemetry.metricsUrl}\n`);
  } catch (error) {
    // Ctrl-C while it waited for the broker: that is no failure, and the end is under way.
    if (isFault(error) && error.code === "STOPPED") return;
    process.stderr.write(`${about.name} could not start: ${reasonOf(error, settings, about.command)}\n`);
    await composition?.stop();
    process.exit(1);
  }
}

/** Lets the gateway listen, where there is one, and says what can be tried. */
async function announce(
  { app, server }: Composition,
  about: Pick<HintsAbout, "systems" | "settings" | "command">,
  show: (page: StartPage) => void,
): Promise<void> {
  const { systems, settings } = about;
  const { names, host, port, broker, as } = settings;
  const way = as === "" ? "" : `, orders as ${as}`;
  const where = `, on ${broker === undefined ? "the embedded broker" : `RabbitMQ at ${broker}`}${way}. Ctrl-C ends it.`;
  if (server === undefined) {
    process.stdout.write(`${names.join(", ")}: ready${where}\n`);
    return;
  }
  const url = await server.listen({ host, port });
  const at = { ...about, url, app };
  const [own, everybodys] = await Promise.all([
    hintsOf({ ...at, isPublic: false }),
    hintsOf({ ...at, isPublic: true }),
  ]);
  show({ html: startPage(systems, everybodys), text: `${titleOf(systems)}\n${everybodys}` });
  process.stdout.write(`${names.join(", ")}: ready at ${url}${where}\n${own}\n`);
}

/** Waits for a start, and after a while says what for: a broker may take its time, or be somewhere else. */
async function patiently(start: Promise<void>, broker: string, log: Logger): Promise<void> {
  const timer = setTimeout(() => log.warn({ broker }, `waiting for RabbitMQ at ${broker}`), 2_000);
  try {
    await start;
  } finally {
    clearTimeout(timer);
  }
}
