import { parseArgs } from "node:util";

/** What the environment and the command line ask for. */
export interface Settings {
  /** Which parts share this process. */
  readonly names: readonly string[];
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly jwtSecret: string | undefined;
  readonly logLevel: string;
  /** RabbitMQ as it may be shown: without credentials. `undefined` on the embedded broker. */
  readonly broker: string | undefined;
}

/** Something was asked for that cannot be; the message says what to do. */
export interface Refusal {
  readonly refused: string;
}

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** @returns `"help"` where that was asked for, and a refusal instead of throwing one */
export function settingsOf(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  partNames: readonly string[],
): Settings | Refusal | "help" {
  const asked = argumentsOf(args);
  if ("refused" in asked) return asked;
  if (asked.help) return "help";
  const set = (name: string): string | undefined =>
    env[name]?.trim() === "" ? undefined : env[name]?.trim();
  const names =
    asked.only === undefined ? partNames : [...new Set(asked.only.split(",").map((name) => name.trim()))];
  const unknown = names.filter((name) => !partNames.includes(name));
  if (unknown.length > 0)
    return { refused: `--only: there is no "${unknown.join('", "')}". There are: ${partNames.join(", ")}.` };
  const amqpUrl = set("AMQP_URL");
  if (names.length < partNames.length && amqpUrl === undefined)
    return {
      refused:
        "--only needs AMQP_URL: on its own embedded broker a part of the system reaches nobody. For example:\n" +
        `  AMQP_URL=amqp://localhost npm start -- --only ${names.join(",")}`,
    };
  const broker = amqpUrl === undefined ? undefined : brokerNames(amqpUrl);
  if (amqpUrl !== undefined && broker === undefined)
    return { refused: "AMQP_URL is not an address like amqp://user:password@host:5672/vhost." };
  const port = set("PORT") ?? "8080";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    return { refused: `PORT is "${port}"; use a whole number from 1 to 65535, or 0 for any free port.` };
  const logLevel = set("LOG_LEVEL") ?? "warn";
  if (!logLevels.includes(logLevel))
    return { refused: `LOG_LEVEL is "${logLevel}"; use one of ${logLevels.join(", ")}.` };
  const jwtSecret = set("JWT_SECRET");
  if (jwtSecret !== undefined && Buffer.byteLength(jwtSecret) < 32)
    return {
      refused: "JWT_SECRET is shorter than 32 bytes and could be guessed. Try one from: openssl rand -hex 32",
    };
  return {
    names,
    host: set("HOST") ?? "127.0.0.1",
    port: Number(port),
    dataDir: set("DATA_DIR") ?? "data",
    jwtSecret,
    logLevel,
    broker,
  };
}

function argumentsOf(args: readonly string[]): { readonly only?: string; readonly help?: boolean } | Refusal {
  try {
    return parseArgs({
      args: [...args],
      options: { only: { type: "string" }, help: { type: "boolean", short: "h" } },
    }).values;
  } catch (error) {
    return { refused: `${(error as Error).message}\nTry: npm start -- --help` };
  }
}

/** Hosts and ports of the addresses; `undefined` where one is none. Credentials never get further than the transport. */
function brokerNames(urls: string): string | undefined {
  const each = urls.split(",").map((url) => {
    const parsed = URL.parse(url.trim());
    const isAmqp = parsed?.protocol === "amqp:" || parsed?.protocol === "amqps:";
    return isAmqp ? parsed.host : undefined;
  });
  return each.includes(undefined) ? undefined : each.join(", ");
}

export function helpText(partNames: readonly string[]): string {
  return `The market: an example application of Warren.

  npm start                        everything in one process
  npm start -- --only <names>      some parts of it: ${partNames.join(", ")}; several with commas

Environment:
  PORT        HTTP port of the gateway (8080)
  HOST        address it listens on (127.0.0.1: this machine only)
  AMQP_URL    RabbitMQ to run on, amqp://user:password@host:5672/vhost; without it an embedded broker
  DATA_DIR    folder of the SQLite databases, and of the embedded broker's messages (data)
  JWT_SECRET  what tokens are signed with, at least 32 bytes (without it one is made and kept in DATA_DIR)
  LOG_LEVEL   ${logLevels.join(", ")} (warn)
`;
}
