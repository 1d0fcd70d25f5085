import { type Logger, pino } from "pino";
import pretty from "pino-pretty";
import { fromEnv } from "warren";
import { issueToken, tokenSecret } from "./accounts/tokens.ts";
import { type Composition, compose, partNames } from "./compose.ts";
import { demoUser } from "./demo.ts";
import { hints } from "./hints.ts";
import { helpText, type Settings, settingsOf } from "./settings.ts";
import { endOnSignals } from "./signals.ts";

/** Longer than the app's own time to drain (10 s), so that only what hangs is cut off. */
const stopLimitMs = 15_000;

const settings = settingsOf(process.argv.slice(2), process.env, partNames);
if (settings === "help") {
  process.stdout.write(helpText(partNames));
} else if ("refused" in settings) {
  process.stderr.write(`${settings.refused}\n`);
  process.exitCode = 2;
} else {
  await run(settings);
}

async function run({ names, host, port, dataDir, jwtSecret, logLevel, broker }: Settings): Promise<void> {
  const log = logger(logLevel);
  let composition: Composition | undefined;
  endOnSignals(
    async () => composition?.stop(),
    stopLimitMs,
    (err, message) => log.fatal({ err }, message),
  );
  try {
    const secret = jwtSecret ?? tokenSecret(dataDir);
    composition = await compose({ names, transport: await fromEnv(), dataDir, secret, log });
    await composition.start();
    const where = broker === undefined ? "the embedded broker" : `RabbitMQ at ${broker}`;
    const { server } = composition;
    if (server === undefined) {
      process.stdout.write(`${names.join(", ")}: ready on ${where}. Ctrl-C ends it.\n`);
      return;
    }
    const url = await server.listen({ host, port });
    process.stdout.write(`${names.join(", ")}: ready at ${url} on ${where}. Ctrl-C ends it.\n`);
    process.stdout.write(`${hints(url, await issueToken(demoUser, secret))}\n`);
  } catch (error) {
    process.stderr.write(`The market could not start: ${reasonOf(error, port)}\n`);
    await composition?.stop();
    process.exit(1);
  }
}

/** To stderr, since stdout is for people who want to know what to type. */
function logger(level: string): Logger {
  const isForPeople = process.stderr.isTTY;
  return pino(
    { level },
    isForPeople ? pretty({ destination: 2, sync: true }) : pino.destination({ dest: 2, sync: true }),
  );
}

function reasonOf(error: unknown, port: number): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return `port ${port} is in use. Choose another: PORT=${port + 1} npm start`;
  if (code === "EACCES" && message.includes("listen"))
    return `port ${port} may not be listened on. Choose one above 1023: PORT=8080 npm start`;
  return message;
}
