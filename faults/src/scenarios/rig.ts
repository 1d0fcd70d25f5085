import { setTimeout as sleep } from "node:timers/promises";
import { names } from "warren";
import { type Accounts, accounts } from "../checker/accounts.ts";
import { type Entry, monotonicMs } from "../history/entry.ts";
import { journal } from "../history/journal.ts";
import { tail } from "../history/tail.ts";
import { workerName } from "../processes/message.ts";
import { replayDeadLetters } from "../processes/tool.ts";
import { admin } from "./admin.ts";
import { type Crew, crew } from "./crew.ts";
import { drain } from "./drain.ts";
import { front } from "./front.ts";
import { leftover, park } from "./parking.ts";
import type { RunOptions } from "./run-options.ts";
import { type Load, usualLoad } from "./scenario.ts";
import type { World } from "./world.ts";

/** Everything that is set up for a run, and how to take it down. */
export interface Rig extends Crew {
  readonly world: World;
  readonly load: Load;
  /** All that was written so far. */
  read(): Entry[];
  /** See `drain`. */
  settle(): Promise<boolean>;
  /** Ends everything. @returns what could not be ended, in words */
  down(): Promise<string[]>;
}

export async function rigUp(options: RunOptions): Promise<Rig> {
  const { scenario, run, folder, nodes } = options;
  const load: Load = { ...usualLoad, ...scenario.load };
  await nodes?.addVhost(run);
  const direct = nodes === undefined ? options.urls : options.urls.map((url) => new URL(`/${run}`, url).href);
  const { proxies, urls } = scenario.proxied ? await front(direct) : { proxies: [], urls: direct };
  const history = journal(folder, "nemesis");
  const client = admin(direct);
  const common = { folder, run, urls, heartbeatSeconds: load.heartbeatSeconds };
  const staff = crew(options, load, common);
  const { publishers, workers } = staff;
  const { read, open } = reader(folder);
  const settle = (): Promise<boolean> =>
    drain({
      accounts: open,
      read,
      park: () => park(client, history, run),
      isEmpty: async () => Object.keys(await leftover(client, run, nodes)).length === 0,
      patienceMs: options.patienceMs,
    });
  const world: World = {
    eventsQueue: (load.inOrder ? names.orderedEvents : names.events)(workerName(run)),
    ...{ run, history, publishers, workers, proxies },
    admin: client,
    get nodes() {
      if (nodes === undefined) throw new Error(`"${scenario.name}" needs a broker of its own.`);
      return nodes;
    },
    vhost: run,
    replay: () => replayDeadLetters({ ...options, settings: common }),
    async quiesce() {
      staff.togglePublishing();
      await quiet(read, open, settle);
      return () => staff.togglePublishing();
    },
  };
  const steps: readonly (() => Promise<unknown> | undefined)[] = [
    () => Promise.all([...publishers, ...workers].map((one) => one.end(0))),
    () => Promise.all(proxies.map((proxy) => proxy.close())),
    () => client.close(),
    () => nodes?.deleteVhost(run),
    async () => history.close(),
  ];
  return { ...staff, world, load, read, settle, down: () => attempts(steps) };
}

/** Takes every step, whatever the others come to. @returns why some failed */
async function attempts(steps: readonly (() => Promise<unknown> | undefined)[]): Promise<string[]> {
  const failed: string[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failed.push((error as Error).message);
    }
  }
  return failed;
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

async function quiet(read: () => unknown, open: Accounts, settle: () => Promise<boolean>): Promise<void> {
  const until = monotonicMs() + quietWithinMs;
  for (read(); open.underway > 0; read()) {
    if (monotonicMs() > until)
      throw new Error("Publishing did not come to rest, so the fault could not be injected.");
    await sleep(50);
  }
  if (!(await settle())) throw new Error("The queues did not drain, so the fault could not be injected.");
}
