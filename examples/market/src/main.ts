import { type Logger, pino } from "pino";
import { fromEnv } from "warren";
import { tokenSecret } from "./accounts/secret.ts";
import { type Composition, compose, partNames } from "./compose.ts";
import { demoUser } from "./demo.ts";
import { hints } from "./hints.ts";
import { itemOnSale } from "./on-sale.ts";
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
  const log = await logger(logLevel);
  let composition: Composition | undefined;
  const isEnding = endOnSignals(
    async () => composition?.stop(),
    stopLimitMs,
    (err, message) => log.fatal({ err }, message),
  );
  try {
    const secret = jwtSecret ?? tokenSecret(dataDir);
    // Without RabbitMQ, what waits in queues is kept beside the rest of the data.
    const transport = await fromEnv({ log, env: { ...process.env, WARREN_DATA: dataDir } });
    composition = await compose({ names, transport, dataDir, secret, log });
    await (broker === undefined ? composition.start() : patiently(broker, composition.start()));
    const where = broker === undefined ? "the embedded broker" : `RabbitMQ at ${broker}`;
    const { server } = composition;
    if (server === undefined) {
      process.stdout.write(`${names.join(", ")}: ready on ${where}. Ctrl-C ends it.\n`);
      return;
    }
    const url = await server.listen({ host, port });
    const { issueToken } = await import("./accounts/tokens.ts");
    const [demoToken, itemId] = await Promise.all([
      issueToken(demoUser, secret),
      itemOnSale(composition.app),
    ]);
    const toTry = hints({ url, demoToken, itemId, dataDir });
    process.stdout.write(`${names.join(", ")}: ready at ${url} on ${where}. Ctrl-C ends it.\n${toTry}\n`);
  } catch (error) {
    // Ctrl-C while it waited for the broker: that is no failure, and the end is under way.
    if (isEnding()) return;
    process.stderr.write(`The market could not start: ${reasonOf(error, host, port)}\n`);
    await composition?.stop();
    process.exit(1);
  }
}

/** Waits for a start, and after a while says what for: a broker may take its time, or be somewhere else. */
async function patiently(broker: string, start: Promise<void>): Promise<void> {
  const timer = setTimeout(() => process.stderr.write(`Waiting for RabbitMQ at ${broker} …\n`), 2_000);
  try {
    await start;
  } finally {
    clearTimeout(timer);
  }
}

/** To stderr, since stdout is for people who want to know what to type. */
async function logger(level: string): Promise<Logger> {
  const to = { sync: true } as const;
  if (!process.stderr.isTTY) return pino({ level }, pino.destination({ dest: 2, ...to }));
  const { default: pretty } = await import("pino-pretty");
  return pino({ level }, pretty({ destination: 2, ...to }));
}

function reasonOf(error: unknown, host: string, port: number): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return `port ${port} is in use. Choose another: PORT=${port + 1} npm start`;
  if (code === "EACCES" && message.includes("listen"))
    return `port ${port} may not be listened on. Choose one above 1023: PORT=8080 npm start`;
  const noSuchHost =
    (code === "EADDRNOTAVAIL" && syscall === "listen") ||
    (syscall === "getaddrinfo" && message.includes(host));
  if (noSuchHost)
    return `HOST ${host} is no address of this machine. Choose 127.0.0.1 for this machine only, or 0.0.0.0 for all: HOST=0.0.0.0 npm start`;
  return message;
}
