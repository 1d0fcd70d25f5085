import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Level } from "warren/logs";

/** What the environment and the command line ask for. */
export interface Settings {
  /** One of the ways there are; empty where there is one only. */
  readonly as: string;
  /** Which parts share this process. */
  readonly names: readonly string[];
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Where probes are answered beside the gateway, which answers them as well; nowhere unless it is said. */
  readonly healthPort: number | undefined;
  /** Where `/metrics` is; nothing is measured or traced unless it is said. */
  readonly metricsPort: number | undefined;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly jwtSecret: string | undefined;
  /** Which part of what examples ask of others fails, from 0 to 1, and which ones. */
  readonly failures: { readonly share: number; readonly seed: string };
  readonly logLevel: Level;
  /** RabbitMQ as it may be shown: without credentials. `undefined` on the embedded broker. */
  readonly broker: string | undefined;
}

/** A setting that not every example heeds. */
export type Variable = "DATABASE_URL" | "JWT_SECRET" | "FAIL_SHARE";

/** What can be asked for. */
export interface Choices {
  /** What starts it: `npm start`. */
  readonly command: string;
  readonly partNames: readonly string[];
  /** What `--as` may say, the usual one first; none where it cannot be said. */
  readonly ways: readonly string[];
}

/** Something was asked for that cannot be; the message says what to do. */
export interface Refusal {
  readonly refused: string;
}

export const logLevels: readonly Level[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns `"help"` where that was asked for, and a refusal instead of throwing one */
export function settingsOf(
  args: readonly string[],
  env: Environment,
  choices: Choices,
): Settings | Refusal | "help" {
  const asked = argumentsOf(args, choices);
  if (asked === "help" || "refused" in asked) return asked;
  const set = (name: string): string | undefined => env[name]?.trim() || undefined;
  const refused = refusalOf(set) ?? refusalOfParts(asked.names, set("AMQP_URL"), choices);
  if (refused !== undefined) return { refused };
  const amqpUrl = set("AMQP_URL");
  return {
    ...asked,
    host: set("HOST") ?? "127.0.0.1",
    port: Number(set("PORT") ?? 8080),
    healthPort: portOf(set("HEALTH_PORT")),
    metricsPort: portOf(set("METRICS_PORT")),
    // npm goes into the folder of a workspace; whoever names a folder has stayed where they were.
    dataDir: resolve(set("INIT_CWD") ?? "", set("DATA_DIR") ?? "data"),
    databaseUrl: set("DATABASE_URL"),
    jwtSecret: set("JWT_SECRET"),
    failures: { share: Number(set("FAIL_SHARE") ?? 0), seed: set("FAIL_SEED") ?? "1" },
    logLevel: levelOf(set) ?? "warn",
    broker: amqpUrl === undefined ? undefined : hostsOf(amqpUrl, /^amqps?:$/),
  };
}

function argumentsOf(
  args: readonly string[],
  { command, partNames, ways }: Choices,
): Pick<Settings, "as" | "names"> | Refusal | "help" {
  let values: { readonly as?: string; readonly only?: string; readonly help?: boolean };
  try {
    values = parseArgs({
      args: [...args],
      options: {
        only: { type: "string" },
        help: { type: "boolean", short: "h" },
        as: { type: "string" },
      },
    }).values;
    if (values.as !== undefined && ways.length === 0) throw new Error("--as: there is one way only.");
  } catch (error) {
    return { refused: `${(error as Error).message}\nTry: ${command} -- --help` };
  }
  if (values.help) return "help";
  const as = values.as ?? ways[0] ?? "";
  if (ways.length > 0 && !ways.includes(as))
    return { refused: `--as: there is no "${as}". An order can go as ${ways.join(" or as ")}.` };
  const only = values.only?.split(",").map((name) => name.trim());
  return { as, names: only === undefined ? partNames : [...new Set(only)] };
}

function refusalOfParts(
  names: readonly string[],
  amqpUrl: string | undefined,
  { command, partNames }: Choices,
): string | undefined {
  const unknown = names.filter((name) => !partNames.includes(name));
  if (unknown.length > 0)
    return `--only: there is no "${unknown.join('", "')}". There are: ${partNames.join(", ")}.`;
  if (names.length < partNames.length && amqpUrl === undefined)
    return (
      "--only needs AMQP_URL: on its own embedded broker a part of the system reaches nobody. For example:\n" +
      `  AMQP_URL=amqp://localhost ${command} -- --only ${names.join(",")}`
    );
  return undefined;
}

/** What is wrong with the environment, in words; never with a secret in them. */
function refusalOf(set: (name: string) => string | undefined): string | undefined {
  const [amqpUrl, databaseUrl, jwtSecret] = [set("AMQP_URL"), set("DATABASE_URL"), set("JWT_SECRET")];
  if (amqpUrl !== undefined && hostsOf(amqpUrl, /^amqps?:$/) === undefined)
    return "AMQP_URL is not an address like amqp://user:password@host:5672/vhost.";
  if (databaseUrl !== undefined && hostsOf(databaseUrl, /^postgres(ql)?:$/) === undefined)
    return "DATABASE_URL is not an address like postgres://user:password@host:5432/database.";
  for (const name of ["PORT", "HEALTH_PORT", "METRICS_PORT"]) {
    const port = set(name) ?? "8080";
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
      return `${name} is "${port}"; use a whole number from 1 to 65535, or 0 for any free port.`;
  }
  const share = set("FAIL_SHARE") ?? "0";
  if (!/^(0|1|0?\.\d+)$/.test(share))
    return `FAIL_SHARE is "${share}"; use a number from 0 to 1, such as 0.05.`;
  const logLevel = set("LOG_LEVEL");
  if (logLevel !== undefined && levelOf(set) === undefined)
    return `LOG_LEVEL is "${logLevel}"; use one of ${logLevels.join(", ")}.`;
  if (jwtSecret !== undefined && Buffer.byteLength(jwtSecret) < 32)
    return "JWT_SECRET is shorter than 32 bytes and could be guessed. Try one from: openssl rand -hex 32";
  return undefined;
}

function portOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function levelOf(set: (name: string) => string | undefined): Level | undefined {
  return logLevels.find((level) => level === set("LOG_LEVEL"));
}

/** Hosts and ports of the addresses; `undefined` where one is none. Credentials never get further than the drivers. */
function hostsOf(urls: string, protocol: RegExp): string | undefined {
  const each = urls.split(",").map((url) => {
    const parsed = URL.parse(url.trim());
    return parsed !== null && protocol.test(parsed.protocol) ? parsed.host : undefined;
  });
  return each.includes(undefined) ? undefined : each.join(", ");
}
