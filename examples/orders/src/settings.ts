import { parseArgs } from "node:util";
import { type As, ways } from "./as.ts";

/** What the environment and the command line ask for. */
export interface Settings {
  readonly as: As;
  /** Which parts share this process. */
  readonly names: readonly string[];
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  /** Which part of all orders fails at each partner, from 0 to 1, and which ones. */
  readonly failures: { readonly share: number; readonly seed: string };
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
  const set = (name: string): string | undefined => env[name]?.trim() || undefined;
  const as = ways.find((way) => way === (asked.as ?? "choreography"));
  if (as === undefined)
    return { refused: `--as: there is no "${asked.as}". An order can go as ${ways.join(" or as ")}.` };
  const names =
    asked.only === undefined ? partNames : [...new Set(asked.only.split(",").map((name) => name.trim()))];
  const unknown = names.filter((name) => !partNames.includes(name));
  if (unknown.length > 0)
    return { refused: `--only: there is no "${unknown.join('", "')}". There are: ${partNames.join(", ")}.` };
  const amqpUrl = set("AMQP_URL");
  if (names.length < partNames.length && amqpUrl === undefined)
    return {
      refused: "--only needs AMQP_URL: on its own embedded broker a part of the system reaches nobody.",
    };
  const broker = amqpUrl === undefined ? undefined : hostsOf(amqpUrl, /^amqps?:$/);
  if (amqpUrl !== undefined && broker === undefined)
    return { refused: "AMQP_URL is not an address like amqp://user:password@host:5672/vhost." };
  const databaseUrl = set("DATABASE_URL");
  if (databaseUrl !== undefined && hostsOf(databaseUrl, /^postgres(ql)?:$/) === undefined)
    return { refused: "DATABASE_URL is not an address like postgres://user:password@host:5432/database." };
  const port = set("PORT") ?? "8080";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    return { refused: `PORT is "${port}"; use a whole number from 1 to 65535, or 0 for any free port.` };
  const share = set("FAIL_SHARE") ?? "0";
  if (!/^(0|1|0?\.\d+)$/.test(share))
    return { refused: `FAIL_SHARE is "${share}"; use a number from 0 to 1, such as 0.05.` };
  const logLevel = set("LOG_LEVEL") ?? "warn";
  if (!logLevels.includes(logLevel))
    return { refused: `LOG_LEVEL is "${logLevel}"; use one of ${logLevels.join(", ")}.` };
  return {
    as,
    names,
    host: set("HOST") ?? "127.0.0.1",
    port: Number(port),
    dataDir: set("DATA_DIR") ?? "data",
    databaseUrl,
    failures: { share: Number(share), seed: set("FAIL_SEED") ?? "1" },
    logLevel,
    broker,
  };
}

interface Arguments {
  readonly as?: string;
  readonly only?: string;
  readonly help?: boolean;
}

function argumentsOf(args: readonly string[]): Arguments | Refusal {
  try {
    return parseArgs({
      args: [...args],
      options: { as: { type: "string" }, only: { type: "string" }, help: { type: "boolean", short: "h" } },
    }).values;
  } catch (error) {
    return { refused: `${(error as Error).message}\nTry: npm start -w examples/orders -- --help` };
  }
}

/** Hosts and ports of the addresses; `undefined` where one is none. Credentials never get further than the drivers. */
function hostsOf(urls: string, protocol: RegExp): string | undefined {
  const each = urls.split(",").map((url) => {
    const parsed = URL.parse(url.trim());
    return parsed !== null && protocol.test(parsed.protocol) ? parsed.host : undefined;
  });
  return each.includes(undefined) ? undefined : each.join(", ");
}

export function helpText(partNames: readonly string[]): string {
  return `Orders: an example application of Warren.

  npm start -w examples/orders                    everything in one process
  npm start -w examples/orders -- --as saga       the same process, described in one place
  npm start -w examples/orders -- --only <names>  some parts of it: ${partNames.join(", ")}; several with commas

Environment:
  PORT          HTTP port of the gateway (8080)
  HOST          address it listens on (127.0.0.1: this machine only)
  AMQP_URL      RabbitMQ to run on, amqp://user:password@host:5672/vhost; without it an embedded broker
  DATABASE_URL  PostgreSQL for orders and inventory, a schema for each; the others stay on SQLite. Without it all are on SQLite
  DATA_DIR      folder of the SQLite databases, and of the embedded broker's messages (data); each way has a folder of its own
                in it, and with DATABASE_URL another one. A process on the embedded broker has its folder alone
  FAIL_SHARE    which part of all orders fails at each partner outside, 0 to 1 (0)
  FAIL_SEED     which orders these are (1)
  LOG_LEVEL     ${logLevels.join(", ")} (warn)
`;
}
