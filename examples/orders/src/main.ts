import { type Logger, pino } from "pino";
import { fromEnv, isFault, runUntilSignal } from "warren";
import { type Composition, compose, partNames } from "./compose.ts";
import { hints } from "./hints.ts";
import { failing, friendlyPartners } from "./partner.ts";
import { placeOf } from "./place.ts";
import { helpText, type Settings, settingsOf } from "./settings.ts";

const settings = settingsOf(process.argv.slice(2), process.env, partNames);
if (settings === "help") {
  process.stdout.write(helpText(partNames));
} else if ("refused" in settings) {
  process.stderr.write(`${settings.refused}\n`);
  process.exitCode = 2;
} else {
  await run(settings);
}

async function run(asked: Settings): Promise<void> {
  const { as, names, host, port, failures, broker } = asked;
  const place = placeOf(asked);
  const log = await logger(asked.logLevel);
  let composition: Composition | undefined;
  try {
    // Without RabbitMQ, what waits in queues is kept beside the rest of the data.
    const transport = await fromEnv({ log, env: { ...process.env, WARREN_DATA: place.dataDir } });
    const partners = failing(friendlyPartners(), failures);
    composition = await compose({ as, names, transport, place, partners, log });
    const { app, server } = composition;
    // From here on, so that a signal ends the waiting for a broker as well.
    void runUntilSignal(app, { first: () => server?.close() });
    await app.start();
    const where = `as ${as}, on ${broker === undefined ? "the embedded broker" : `RabbitMQ at ${broker}`}`;
    if (server === undefined) {
      process.stdout.write(`${names.join(", ")}: ready ${where}. Ctrl-C ends it.\n`);
      return;
    }
    const url = await server.listen({ host, port });
    process.stdout.write(`${names.join(", ")}: ready at ${url} ${where}. Ctrl-C ends it.\n`);
    process.stdout.write(hints(url, as, place.dataDir));
  } catch (error) {
    // Ctrl-C while it waited for the broker: that is no failure, and the end is under way.
    if (isFault(error) && error.code === "STOPPED") return;
    process.stderr.write(`The orders could not start: ${reasonOf(error, port)}\n`);
    await composition?.app.stop();
    process.exit(1);
  }
}

/** To stderr, since stdout is for people who want to know what to type. */
async function logger(level: string): Promise<Logger> {
  const to = { sync: true } as const;
  if (!process.stderr.isTTY) return pino({ level }, pino.destination({ dest: 2, ...to }));
  const { default: pretty } = await import("pino-pretty");
  return pino({ level }, pretty({ destination: 2, ...to }));
}

function reasonOf(error: unknown, port: number): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE")
    return `port ${port} is in use. Choose another: PORT=${port + 1} npm start -w examples/orders`;
  // What Warren calls the folder of its journal is a setting with a name of its own here.
  return message.replace("(dataDir, WARREN_DATA)", "(DATA_DIR)");
}
