import { type Choices, logLevels, type Variable } from "./settings.ts";

const variableHelp: Readonly<Record<Variable, readonly string[]>> = {
  DATABASE_URL: [
    "DATABASE_URL  PostgreSQL for services that can use one, a schema for each; without it all are on SQLite",
  ],
  JWT_SECRET: [
    "JWT_SECRET    what tokens are signed with, at least 32 bytes (without it one is made and kept in DATA_DIR)",
  ],
  FAIL_SHARE: [
    "FAIL_SHARE    which part of what is asked of partners and databases fails, 0 to 1, to see what comes of it (0)",
    "FAIL_SEED     which ones these are (1)",
  ],
};

export interface HelpAbout extends Choices {
  /** What is started, in words: "The market: an example application of Warren." */
  readonly what: string;
  readonly variables: readonly Variable[];
}

export function helpText({ what, command, partNames, ways, variables }: HelpAbout): string {
  const usages: (readonly [string, string])[] = [
    ["", "everything in one process"],
    [" -- --only <names>", `some parts of it: ${partNames.join(", ")}; several with commas`],
    ...ways.slice(1).map((way) => [` -- --as ${way}`, `orders as ${way}, and not as ${ways[0]}`] as const),
  ];
  const width = Math.max(...usages.map(([usage]) => usage.length)) + 2;
  return `${what}

${usages.map(([usage, meaning]) => `  ${command}${usage.padEnd(width)}${meaning}`).join("\n")}

Environment:
  PORT          HTTP port of the gateway (8080)
  HOST          address it listens on (127.0.0.1: this machine only)
  HEALTH_PORT   also answers /health/live and /health/ready there, for a process without a gateway (nowhere)
  METRICS_PORT  serves /metrics for Prometheus there; 9091 is what deploy/monitoring looks at (nowhere)
  OTEL_EXPORTER_OTLP_ENDPOINT  a collector, which is sent traces and metrics (none)
  AMQP_URL      RabbitMQ to run on, amqp://user:password@host:5672/vhost; without it an embedded broker
  DATA_DIR      folder of the SQLite databases, and of the embedded broker's messages (data)
${variables.flatMap((variable) => variableHelp[variable].map((line) => `  ${line}\n`)).join("")}  LOG_LEVEL     ${logLevels.join(", ")} (warn)
  LOG_LEVELS    those of single services: stock=debug,orders=warn
`;
}
