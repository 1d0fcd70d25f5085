import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { child } from "../child.ts";
import { withPostgres } from "../database.ts";
import { median } from "../load.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { figure, grid, machine } from "../report.ts";
import type { Arrived, Produced } from "./consumer.ts";
import type { Place } from "./contract.ts";
import type { Production } from "./producer.ts";

const warmupMs = 2_000;
const kinds = ["sqlite", "postgres"] as const;
const bars = { sqlite: "≥ 8,000", postgres: "≥ 5,000" };

interface Run extends Arrived {
  readonly producerCpu: number;
}

interface Row {
  readonly what: string;
  readonly values: readonly number[];
  readonly bar: string;
}

/** Two services, a process and a database each: what one commits the other has done once. */
export async function outboxCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  await withPostgres((databaseUrl) =>
    withRabbit(async (broker) => {
      process.stdout.write(
        `${machine()}, RabbitMQ ${broker.version}; ${rounds} rounds of ${seconds} s, 100 B JSON, quorum queue on one node\n`,
      );
      const rows: Row[] = [];
      for (const kind of kinds) {
        const measure = (more: Partial<Production>): Promise<Run[]> =>
          repeated(rounds, () =>
            onFresh(kind, databaseUrl, (places) => pair(places, broker.url, seconds, more)),
          );
        const flat = await measure({ inFlight: 500 });
        const writing = await measure({ inFlight: 200, writes: true });
        const calm = await measure({ perSecond: 500 });
        const of = (runs: Run[], what: string, pick: (run: Run) => number, bar = ""): void =>
          void rows.push({ what: `${kind}: ${what}`, values: runs.map(pick), bar });
        of(flat, "events/s committed, sent and done", (run) => run.perSecond, bars[kind]);
        of(flat, "CPU µs per event, producer", (run) => run.producerCpu);
        of(flat, "CPU µs per event, consumer", (run) => run.cpuMicroseconds);
        of(writing, "events/s, both sides also write a row", (run) => run.perSecond);
        of(calm, "p50 ms from commit to done, at 500/s", (run) => run.p50Ms, "< 25");
        of(calm, "p99 ms from commit to done, at 500/s", (run) => run.p99Ms);
        const [idle, bare] = await onFresh(kind, databaseUrl, ([place]) =>
          Promise.all([idling(place, false), idling(place, true)]),
        );
        rows.push({
          what: `${kind}: % of a core, idle, beyond an app without`,
          values: [idle - bare],
          bar: "< 1",
        });
      }
      process.stdout.write(
        grid([
          ["", "median", "(min to max)", "to reach"],
          ...rows.map(({ what, values, bar }) => [
            what,
            figure(median(values)),
            `${figure(Math.min(...values))} to ${figure(Math.max(...values))}`,
            bar,
          ]),
        ]),
      );
      if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);
    }),
  );
}

async function repeated<T>(rounds: number, once: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let round = 0; round < rounds; round++) all.push(await once());
  return all;
}

type Places = readonly [producer: Place, consumer: Place];
let databases = 0;

/** A database for each of the two, which nobody used before. */
async function onFresh<T>(
  kind: Place["kind"],
  databaseUrl: string,
  work: (places: Places) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "warren-bench-"));
  try {
    const place = async (name: string): Promise<Place> => {
      if (kind === "sqlite") return { kind, location: join(folder, `${name}.db`), writes: false };
      return { kind, location: await freshDatabase(databaseUrl, `${name}_${databases++}`), writes: false };
    };
    return await work([await place("producer"), await place("consumer")]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function freshDatabase(databaseUrl: string, name: string): Promise<string> {
  const { postgres } = await import("warren/postgres");
  const admin = postgres({ url: databaseUrl });
  await admin.query(`create database ${name}`);
  await admin.close();
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function pair(
  [producing, consuming]: Places,
  url: string,
  seconds: number,
  more: Partial<Production>,
): Promise<Run> {
  const env = { AMQP_URL: url };
  const writes = more.writes ?? false;
  const consumer = child(new URL("./consumer.ts", import.meta.url), { ...consuming, writes }, env);
  try {
    await consumer.next();
    const load = { ...producing, warmupMs, durationMs: seconds * 1000, ...more };
    const producer = child(new URL("./producer.ts", import.meta.url), load, env);
    try {
      const produced = await producer.next<Produced>();
      consumer.tell(produced);
      const arrived = await consumer.next<Arrived>();
      if (arrived.twice > 0) throw new Error(`${arrived.twice} events were done twice.`);
      return { ...arrived, producerCpu: produced.cpuMicroseconds };
    } finally {
      await producer.stop();
    }
  } finally {
    await consumer.stop();
  }
}

async function idling(place: Place, bare: boolean): Promise<number> {
  const one = child(new URL("./idle.ts", import.meta.url), { ...place, durationMs: 20_000, bare });
  try {
    return (await one.next<{ percentOfCore: number }>()).percentOfCore;
  } finally {
    await one.stop();
  }
}
