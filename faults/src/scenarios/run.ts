import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../checker/check.ts";
import type { Verdict } from "../checker/verdict.ts";
import { type Entry, monotonicMs } from "../history/entry.ts";
import { seedFor } from "../nemesis/random.ts";
import { schedule } from "../nemesis/schedule.ts";
import type { Place } from "../processes/supervisor.ts";
import { unmet } from "./demands.ts";
import { deleteQueues, leftover, park } from "./parking.ts";
import { type Rig, rigUp } from "./rig.ts";
import type { RunOptions } from "./run-options.ts";
import { usualRhythm } from "./scenario.ts";
import type { World } from "./world.ts";

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
