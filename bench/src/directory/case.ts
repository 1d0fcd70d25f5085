import { setTimeout as sleep } from "node:timers/promises";
import {
  type Directory,
  type DirectoryChange,
  type DirectoryObserver,
  directory,
  type Transport,
} from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { child } from "../child.ts";
import { withRabbit } from "../node.ts";
import type { BenchOptions } from "../options.ts";
import { figure, grid, machine } from "../report.ts";
import type { Listening } from "./listener.ts";
import { type Simulated, type Simulation, simulation } from "./simulated.ts";

interface Shape {
  readonly instances: number;
  readonly services: number;
}

const shapes: readonly Shape[] = [
  { instances: 10, services: 1 },
  { instances: 100, services: 10 },
  { instances: 1_000, services: 100 },
  { instances: 1_000, services: 1 },
];
const manyListeners = 5;
/** The first refresh of an instance comes after a minute and a half, and the next ones after two and a quarter on average. */
const untilSteadyMs = 90_000;

/** By the second. */
interface Traffic {
  readonly published: number;
  /** To each listener. */
  readonly delivered: number;
  /** By each listener. */
  readonly counted: number;
}

interface Outcome extends Shape {
  readonly traffic: Traffic;
  readonly listenerBytes: number;
  readonly joinMs: readonly number[];
  readonly leaveMs: readonly number[];
  readonly killMs: readonly number[];
}

/** What a directory costs the broker and its listeners, and how soon it knows, as the number of instances grows. */
export async function directoryCase({ seconds, rounds, json }: BenchOptions): Promise<void> {
  const outcomes: Outcome[] = [];
  await withRabbit(async (broker) => {
    process.stdout.write(
      `${machine()}, RabbitMQ ${broker.version}; traffic over ${seconds} s each, ${rounds} joins, leaves and kills\n`,
    );
    for (const shape of shapes) {
      outcomes.push(await measured(broker.url, shape, seconds * 1_000, rounds));
      process.stdout.write(`${shape.instances} instances of ${shape.services} services: done\n`);
    }
  });
  process.stdout.write(`\n${trafficTable(outcomes)}\n${timesTable(outcomes)}`);
  if (json) process.stdout.write(`${JSON.stringify(outcomes)}\n`);
}

async function measured(url: string, shape: Shape, windowMs: number, rounds: number): Promise<Outcome> {
  const simulated = simulation(url);
  const everybody: Simulated[] = [];
  const began = performance.now();
  for (let i = 0; i < shape.instances; i++) everybody.push(await simulated.start(nameOf(shape, i)));
  const listeners: Listener[] = [];
  while (listeners.length < manyListeners) listeners.push(await listener(url));
  await knownToAll(listeners, shape.instances);
  const listening = child(new URL("./listener.ts", import.meta.url), shape, { AMQP_URL: url });
  const { bytes } = await listening.next<Listening>();
  await listening.stop();
  await sleep(Math.max(0, untilSteadyMs - (performance.now() - began)));
  const traffic = await trafficOver(windowMs, simulated, listeners);
  const times = await timesOf(shape, simulated, listeners, rounds);
  await Promise.all(listeners.map(({ transport }) => transport.close({ drainMs: 0 })));
  await Promise.all(everybody.map(({ app }) => app.stop({ drainMs: 0 })));
  await simulated.close();
  return { ...shape, traffic, listenerBytes: bytes, ...times };
}

function nameOf({ services }: Shape, number: number): string {
  return `service-${services}-${number % services}`;
}

interface Listener {
  readonly transport: Transport;
  readonly listed: Directory;
  readonly tally: { sent: number; received: number; inspected: number };
  readonly seen: Map<string, number>;
}

async function listener(url: string): Promise<Listener> {
  const connected = rabbitmq({ url });
  const tally = { sent: 0, received: 0, inspected: 0 };
  const seen = new Map<string, number>();
  const observer: DirectoryObserver = {
    sent: () => void tally.sent++,
    received: () => void tally.received++,
  };
  const transport: Transport = Object.create(connected, {
    inspect: {
      value: (queue: string) => {
        tally.inspected++;
        return connected.inspect(queue);
      },
    },
  });
  const listed = await directory(transport, { observer });
  listed.watch((change: DirectoryChange) => {
    if (change.kind !== "resync") seen.set(`${change.kind} ${change.instance.id}`, Date.now());
  });
  return { transport, listed, tally, seen };
}

async function trafficOver(
  windowMs: number,
  { tally }: Simulation,
  listeners: readonly Listener[],
): Promise<Traffic> {
  const all = [tally, ...listeners.map((each) => each.tally)];
  const sum = (of: (each: { sent: number; received: number; inspected?: number }) => number): number =>
    all.reduce((total, each) => total + of(each), 0);
  const now = (): readonly number[] => [
    sum(({ sent }) => sent),
    sum(({ received }) => received),
    sum(({ inspected = 0 }) => inspected),
  ];
  const before = now();
  await sleep(windowMs);
  const [published, delivered, counted] = now().map(
    (count, index) => (count - before[index]!) / (windowMs / 1_000),
  ) as [number, number, number];
  const { length } = listeners;
  return { published, delivered: delivered / length, counted: counted / length };
}

/** The answers to the last one's question are not to be counted. */
async function knownToAll(listeners: readonly Listener[], instances: number): Promise<void> {
  while (listeners.some(({ listed }) => listed.instances().length < instances)) await sleep(20);
}

async function timesOf(
  shape: Shape,
  simulated: Simulation,
  listeners: readonly Listener[],
  rounds: number,
): Promise<Pick<Outcome, "joinMs" | "leaveMs" | "killMs">> {
  const times = { joinMs: [] as number[], leaveMs: [] as number[], killMs: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const [leaves, killed] = [
      await simulated.start(nameOf(shape, round)),
      await simulated.start(nameOf(shape, round)),
    ];
    for (const { app } of [leaves, killed]) {
      const seen = await seenByAll(listeners, `joined ${app.instance}`);
      const { since } = listeners[0]!.listed.instances().find(({ id }) => id === app.instance)!;
      times.joinMs.push(seen - since);
    }
    let began = Date.now();
    await leaves.app.stop({ drainMs: 0 });
    times.leaveMs.push((await seenByAll(listeners, `left ${leaves.app.instance}`)) - began);
    // At any moment of the listeners' rounds.
    await sleep(Math.random() * 5_000);
    began = Date.now();
    await killed.kill();
    times.killMs.push((await seenByAll(listeners, `lost ${killed.app.instance}`)) - began);
    // It says nothing any more; only its timers end.
    await killed.app.stop({ drainMs: 0 });
  }
  return times;
}

/** @returns when the last of them saw it */
async function seenByAll(listeners: readonly Listener[], what: string): Promise<number> {
  const giveUpAt = performance.now() + 120_000;
  while (listeners.some(({ seen }) => !seen.has(what))) {
    if (performance.now() > giveUpAt) throw new Error(`Not seen by all: ${what}`);
    await sleep(2);
  }
  return Math.max(...listeners.map(({ seen }) => seen.get(what)!));
}

function trafficTable(outcomes: readonly Outcome[]): string {
  return grid([
    [
      "instances",
      "services",
      "published/s",
      "delivered/s to each listener",
      "together/s, 1 listener",
      `${manyListeners} listeners`,
      "counts/s of each listener",
      "KB per listener",
    ],
    ...outcomes.map(({ instances, services, traffic: { published, delivered, counted }, listenerBytes }) => [
      instances.toLocaleString("en"),
      String(services),
      ...[
        published,
        delivered,
        published + delivered,
        published + manyListeners * delivered,
        counted,
        listenerBytes / 1_000,
      ].map(figure),
    ]),
  ]);
}

function timesTable(outcomes: readonly Outcome[]): string {
  const most = (values: readonly number[]): string => figure(Math.max(...values));
  return grid([
    ["instances", "services", "join seen by all, most ms", "leave, most ms", "kill, most ms"],
    ...outcomes.map(({ instances, services, joinMs, leaveMs, killMs }) => [
      instances.toLocaleString("en"),
      String(services),
      ...[most(joinMs), most(leaveMs), most(killMs)],
    ]),
  ]);
}
