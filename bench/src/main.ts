import { backlogCase } from "./backlog/case.ts";
import { directoryCase } from "./directory/case.ts";
import { embeddedCase } from "./embedded/case.ts";
import { eventsCase } from "./events/case.ts";
import type { BenchOptions } from "./options.ts";
import { ordersCase } from "./orders/case.ts";
import { outboxCase } from "./outbox/case.ts";
import { retryCase } from "./retry/case.ts";
import { rpcCase } from "./rpc/case.ts";
import { telemetryCase } from "./telemetry/case.ts";

const usage = `npm run bench -- <case> [--seconds N] [--rounds N] [--json]

Cases
  rpc        Warren's call on RabbitMQ against the same written on bare amqplib: 100 in flight, and one at a time.
             Also the memory of a started service.
  embedded   Warren's call within one process, on the embedded transport.
  events     Durable events, confirmed and consumed, on RabbitMQ against the same written on bare amqplib: 100 and
             1,000 in flight, and one at a time.
  retry      How exactly delayed retries come, tier by tier, and what one event that keeps failing costs the others.
             By default 3 rounds of 60 s.
  backlog    A million events wait when their service starts: its memory, and how fast they are worked off.
             By default 3 rounds, as long as they take.
  outbox     What one service commits, another has done once: outbox, RabbitMQ and inbox, on SQLite and PostgreSQL. Also
             what a relay costs that has nothing to do.
  directory  10, 100 and 1,000 simulated instances: the directory's messages, the memory of a listener, and how soon
             it knows who joined, left or was killed. By default traffic over 135 s, after which each instance has said
             once that it is there.
  telemetry  Calls on RabbitMQ without OpenTelemetry, and with startTelemetry as it is by default, with every trace
             recorded, with none recorded, with and without metrics, and with metrics alone.
  orders     The orders example at 100 orders/s: from ordered to shipped, through four services in one process on SQLite.
             By default one round of 60 s.

Options
  --seconds  how long each measurement lasts, after a warm-up   (default 5)
  --rounds   how often each side is measured, in turn           (default 5)
  --json     print the figures as JSON too
`;

interface Case {
  readonly run: (options: BenchOptions) => Promise<void>;
  readonly seconds?: number;
  readonly rounds?: number;
}

const cases: Readonly<Record<string, Case>> = {
  rpc: { run: rpcCase },
  embedded: { run: embeddedCase },
  events: { run: eventsCase },
  telemetry: { run: telemetryCase },
  orders: { run: ordersCase, seconds: 60, rounds: 1 },
  directory: { run: directoryCase, seconds: 135, rounds: 5 },
  retry: { run: retryCase, seconds: 60, rounds: 3 },
  outbox: { run: outboxCase, rounds: 3 },
  backlog: { run: backlogCase, rounds: 3 },
};

function parse(args: readonly string[]): { chosen: Case; options: BenchOptions } | undefined {
  const [name, ...rest] = args;
  if (name === undefined || !Object.hasOwn(cases, name)) return undefined;
  const chosen = cases[name]!;
  const options = { seconds: chosen.seconds ?? 5, rounds: chosen.rounds ?? 5, json: false };
  for (let i = 0; i < rest.length; i++) {
    const flag = rest[i];
    if (flag === "--json") options.json = true;
    else if ((flag === "--seconds" || flag === "--rounds") && Number(rest[i + 1]) > 0)
      options[flag === "--seconds" ? "seconds" : "rounds"] = Number(rest[++i]);
    else return undefined;
  }
  return { chosen, options };
}

const args = process.argv.slice(2);
const parsed = parse(args);
if (parsed === undefined) {
  const [name] = args;
  if (name !== undefined && !name.startsWith("-") && !Object.hasOwn(cases, name))
    process.stderr.write(`unknown case "${name}"\n\n`);
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  await parsed.chosen.run(parsed.options);
}
