import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type TcpProxy, tcpProxy } from "warren/testing";
import { accounts } from "../checker/accounts.ts";
import { check } from "../checker/check.ts";
import type { Verdict } from "../checker/verdict.ts";
import { type Entry, monotonicMs } from "../history/entry.ts";
import { journal } from "../history/journal.ts";
import { tail } from "../history/tail.ts";
import { seedFor } from "../nemesis/random.ts";
import { schedule } from "../nemesis/schedule.ts";
import type { Nodes } from "../nodes/index.ts";
import type { CommonSettings, PublisherSettings, WorkerSettings } from "../processes/settings.ts";
import { type Place, place } from "../processes/supervisor.ts";
import { replayDeadLetters } from "../processes/tool.ts";
import { admin } from "./admin.ts";
import { drain } from "./drain.ts";
import { deleteQueues, leftover, park } from "./parking.ts";
import { type Load, type Scenario, usualLoad, usualRhythm } from "./scenario.ts";
import type { World } from "./world.ts";

export interface RunOptions {
  readonly scenario: Scenario;
  /** Of this run alone: part of every name on the broker. */
  readonly run: string;
  /** The histories are written here. */
  readonly folder: string;
  /** Of the broker's nodes. */
  readonly urls: readonly string[];
  /** Hands on the broker, where it is the suite's own; the run then gets a virtual host of its own. */
  readonly nodes: Nodes | undefined;
  readonly seed: number;
  readonly seconds: number;
  /** How long the drain may make no progress. */
  readonly patienceMs: number;
  /** Of Node, before the program's own, and what the processes find in their environment: how a mutant gets in. */
  readonly nodeArguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly verdict: Verdict;
  readonly entries: readonly Entry[];
  /** What is not as it should be, beyond the verdict, in words. */
  readonly complaints: readonly string[];
}

const publishersEndMs = 40_000;
const workersEndMs = 35_000;

/**
 * Runs one scenario from nothing to its verdict: processes, faults by the seed, healing, draining, checking. Whatever
 * goes wrong on the way is a complaint; the histories so far are judged all the same.
 */
export async function runScenario(options: RunOptions): Promise<Ran> {
  mkdirSync(options.folder, { recursive: true });
  const rig = await rigUp(options);
  const ran = await Promise.race([perform(options, rig), rig.failure]).catch((error: Error): Ran => {
    const entries = rig.read();
    return { entries, verdict: check(entries), complaints: [`came to no end: ${error.message}`] };
  });
  const untidy = await rig.down();
  return { ...ran, complaints: [...ran.complaints, ...untidy] };
}

interface Rig {
  readonly world: World;
  readonly load: Load;
  readonly publishers: Place[];
  readonly workers: Place[];
  /** All that was written so far, and the accounts made of it. */
  read(): Entry[];
  settle(): Promise<boolean>;
  startWorkers(): void;
  startPublishers(): void;
  /** Rejects when a process cannot be started. */
  readonly failure: Promise<never>;
  /** Ends everything. @returns what could not be ended, in words */
  down(): Promise<string[]>;
}

async function rigUp(options: RunOptions): Promise<Rig> {
  const { scenario, run, folder, seed, nodes } = options;
  const load: Load = { ...usualLoad, ...scenario.load };
  await nodes?.addVhost(run);
  const direct = nodes === undefined ? options.urls : options.urls.map((url) => new URL(`/${run}`, url).href);
  const proxies = scenario.proxied ? await Promise.all(direct.map(proxyTo)) : [];
  const urls = scenario.proxied ? direct.map((url, i) => through(url, proxies[i]!)) : direct;
  const history = journal(folder, "nemesis");
  const client = admin(direct);
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const publishers: Place[] = [];
  const workers: Place[] = [];
  const { read, open } = reader(folder);
  const settle = (): Promise<boolean> =>
    drain({
      accounts: open,
      read,
      park: () => park(client, history, run),
      isEmpty: async () => Object.keys(await leftover(client, run, nodes)).length === 0,
      patienceMs: options.patienceMs,
    });
  const common = { folder, run, urls, heartbeatSeconds: load.heartbeatSeconds };
  const start = (role: "publisher" | "worker", i: number, settings: object): Place =>
    place({
      name: `${role}-${i}`,
      role,
      folder,
      settings,
      seed: seedFor(seed, `${role}-${i}`),
      nodeArguments: options.nodeArguments,
      environment: options.environment,
      failed: failure.reject,
    });

  return {
    load,
    publishers,
    workers,
    read,
    settle,
    failure: failure.promise,
    startWorkers() {
      for (let i = 1; i <= load.workers; i++) workers.push(start("worker", i, workerSettings(common, load)));
    },
    startPublishers() {
      for (let i = 1; i <= load.publishers; i++)
        publishers.push(start("publisher", i, publisherSettings(common, load)));
    },
    world: {
      run,
      history,
      publishers,
      workers,
      admin: client,
      proxies,
      get nodes() {
        if (nodes === undefined) throw new Error(`"${scenario.name}" needs a broker of its own.`);
        return nodes;
      },
      vhost: run,
      replay: () =>
        replayDeadLetters({
          settings: common,
          nodeArguments: options.nodeArguments,
          environment: options.environment,
        }),
      async quiesce() {
        for (const publisher of publishers) publisher.signal("SIGUSR2");
        await quiet(read, open, settle);
        return () => {
          for (const publisher of publishers) publisher.signal("SIGUSR2");
        };
      },
    },
    async down() {
      const steps: (() => Promise<unknown> | undefined)[] = [
        () => Promise.all([...publishers, ...workers].map((one) => one.end(0))),
        () => Promise.all(proxies.map((proxy) => proxy.close())),
        () => client.close(),
        () => nodes?.deleteVhost(run),
      ];
      const untidy: string[] = [];
      for (const step of steps) {
        try {
          await step();
        } catch (error) {
          untidy.push((error as Error).message);
        }
      }
      history.close();
      return untidy;
    },
  };
}

async function perform(options: RunOptions, rig: Rig): Promise<Ran> {
  const { scenario, run } = options;
  const { world, load } = rig;
  await begin(options, rig);
  await inflict(options, world);
  const complaints: string[] = [];
  const unended = await endAll(rig.publishers, publishersEndMs);
  if (load.backlog !== undefined && rig.workers.length === 0) rig.startWorkers();
  await Promise.all(rig.workers.map((worker) => worker.ready()));
  if (!(await rig.settle())) complaints.push(...(await revive(options, rig)));
  unended.push(...(await endAll(rig.workers, workersEndMs)));
  if (unended.length > 0) complaints.push(`did not end when asked to: ${unended.join(", ")}`);
  await park(world.admin, world.history, run);
  const left = Object.entries(await leftover(world.admin, run, options.nodes));
  if (left.length > 0)
    complaints.push(`left over: ${left.map(([queue, n]) => `${n} in ${queue}`).join(", ")}`);
  if (options.nodes === undefined) await deleteQueues(world.admin, run);
  const entries = rig.read();
  const verdict = check(entries);
  return { verdict, entries, complaints: [...complaints, ...unmet(scenario, verdict)] };
}

/**
 * The queues do not drain: whether that is a loss, or a consumer that gets nothing any more, the next workers will show.
 * Either is a complaint.
 */
async function revive(options: RunOptions, rig: Rig): Promise<string[]> {
  const stalled = `the queues did not drain: ${await queueStates(options)}`;
  for (const worker of rig.workers) await worker.restart();
  const helped = await rig.settle();
  return [helped ? `${stalled}; they did when the workers were restarted` : stalled];
}

/** What is in which queue and with whom, for people. */
async function queueStates({ nodes, run }: RunOptions): Promise<string> {
  if (nodes === undefined) return "see the broker";
  const states = await Promise.all(
    (await nodes.queueNames(run)).map(async (queue) => {
      const state = await nodes.queueState(queue, run);
      return `${queue} has ${state?.ready} ready, ${state?.unacked} in hand, ${state?.consumers} consumers`;
    }),
  );
  return states.filter((state) => !state.includes("has 0 ready, 0 in hand")).join("; ");
}

/** Workers first: an event that nobody subscribes to is heard by nobody. */
async function begin({ seconds }: RunOptions, rig: Rig): Promise<void> {
  const { load } = rig;
  rig.startWorkers();
  await Promise.all(rig.workers.map((worker) => worker.ready()));
  if (load.backlog !== undefined) {
    await endAll(rig.workers, workersEndMs);
    rig.workers.length = 0;
  }
  rig.startPublishers();
  await Promise.all(rig.publishers.map((publisher) => publisher.ready()));
  if (load.backlog !== undefined) await backlog(rig, load.backlog * load.publishers, seconds);
}

async function backlog(rig: Rig, wanted: number, seconds: number): Promise<void> {
  const until = monotonicMs() + Math.max(seconds, 600) * 1_000;
  for (let acknowledged = 0; acknowledged < wanted; ) {
    if (monotonicMs() > until)
      throw new Error(`Only ${acknowledged} of ${wanted} messages were taken in time.`);
    await sleep(250);
    acknowledged = rig.read().filter((entry) => entry.is === "acknowledged").length;
  }
  rig.startWorkers();
  await Promise.all(rig.workers.map((worker) => worker.ready()));
}

async function inflict({ scenario, seed, seconds }: RunOptions, world: World): Promise<void> {
  const rhythm = { ...usualRhythm, ...scenario.rhythm };
  const blows = schedule(seedFor(seed, scenario.name), scenario.faults, rhythm, seconds * 1_000);
  const began = monotonicMs();
  for (const { fault, afterMs, lastsMs, chance } of blows) {
    await sleep(afterMs);
    if (monotonicMs() - began > seconds * 1_000) break;
    world.history.write({ is: "fault", what: fault.name });
    const heal = await fault.strike(world, chance);
    await sleep(lastsMs);
    const overAt = await heal?.();
    world.history.write({ is: "healed", what: fault.name }, overAt ?? undefined);
  }
  await sleep(Math.max(1_000, seconds * 1_000 - (monotonicMs() - began)));
}

/** @returns the names of those that had to be killed */
async function endAll(places: readonly Place[], graceMs: number): Promise<string[]> {
  const ends = await Promise.all(places.map((one) => one.end(graceMs)));
  return places.filter((_, i) => !ends[i]).map((one) => one.name);
}

function reader(folder: string) {
  const all: Entry[] = [];
  const open = accounts();
  const following = tail(folder);
  return {
    open,
    read(): Entry[] {
      const fresh = following.next();
      open.add(fresh);
      for (const entry of fresh) all.push(entry);
      return all;
    },
  };
}

const quietWithinMs = 30_000;

async function quiet(
  read: () => unknown,
  open: ReturnType<typeof accounts>,
  settle: () => Promise<boolean>,
): Promise<void> {
  const until = monotonicMs() + quietWithinMs;
  for (read(); open.underway > 0; read()) {
    if (monotonicMs() > until)
      throw new Error("Publishing did not come to rest, so the fault could not be injected.");
    await sleep(50);
  }
  if (!(await settle())) throw new Error("The queues did not drain, so the fault could not be injected.");
}

function proxyTo(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return tcpProxy({ host: hostname, port: Number(port || 5672) });
}

function through(url: string, { host, port }: TcpProxy): string {
  const changed = new URL(url);
  changed.hostname = host;
  changed.port = String(port);
  return changed.href;
}

type Common = Omit<CommonSettings, "who" | "seed">;

function publisherSettings(common: Common, load: Load): Omit<PublisherSettings, "who" | "seed"> {
  const { perSecond, inFlight, keys, mix, callsPerSecond, backlog: messages } = load;
  return { ...common, perSecond, inFlight, keys, mix, callsPerSecond, messages };
}

function workerSettings(common: Common, load: Load): Omit<WorkerSettings, "who" | "seed"> {
  const { prefetch, slowMs, timeoutMs, attempts } = load;
  return { ...common, prefetch, slowMs, timeoutMs, retry: { attempts, baseMs: 200, capMs: 1_000 } };
}

function unmet({ demands = {} }: Scenario, verdict: Verdict): string[] {
  const unmet: string[] = [];
  const { calls, noneDragged, recoveryMs, workerMib } = demands;
  if (calls && verdict.callsFailed.length > 0)
    unmet.push(`${verdict.callsFailed.length} calls failed, as ${verdict.callsFailed[0]}`);
  if (calls && verdict.callsRunTwice.length > 0)
    unmet.push(`${verdict.callsRunTwice.length} calls ran twice, as ${verdict.callsRunTwice[0]}`);
  if (calls && verdict.calls === 0) unmet.push("no call was made");
  if (noneDragged && verdict.dragged.length > 0)
    unmet.push(`${verdict.dragged.length} innocent messages became dead letters, as ${verdict.dragged[0]}`);
  const slowest = verdict.recoveriesMs.at(-1);
  if (recoveryMs !== undefined && slowest !== undefined && slowest > recoveryMs)
    unmet.push(`the slowest recovery took ${slowest} ms, ${recoveryMs} are allowed`);
  if (workerMib !== undefined && verdict.workerMib > workerMib)
    unmet.push(`a worker took ${verdict.workerMib} MiB, ${workerMib} are allowed`);
  return unmet;
}
