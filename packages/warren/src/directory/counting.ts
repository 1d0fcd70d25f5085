import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import { names } from "../names.ts";
import type { Clock, Timer } from "../time.ts";
import type { Transport } from "../transport.ts";
import type { Members } from "./members.ts";
import type { Gone } from "./messages.ts";
import type { Probes } from "./probes.ts";

export interface CountingOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly members: Members;
  readonly probes: Probes;
  /** Asks the instances of one service who is there. */
  readonly ask: (service: string) => void;
  /** Whether what the broker says can be believed of everybody: not right after a loss of the connection. */
  readonly isSettled: () => boolean;
}

/**
 * Compares what is known with how many consumers the broker counts, service after service: a process that is killed says
 * no goodbye, and one that is busy says nothing at all, and only the broker knows which of the two it is.
 */
export interface Counting {
  /** From now on this service is counted. */
  include(service: string): void;
  /** Now. @returns how many consumers the broker counts; `undefined` where it does not say */
  count(service: string): Promise<number | undefined>;
  stop(): void;
}

/** Each service so often, as long as all take no more than 50 questions a second: 250 services. */
const roundMs = 5_000;
const leastMs = 20;
const mostUnderWay = 20;
/** Consumers that never say who they are are asked less and less often; instances without a consumer too, up to a minute. */
const patienceMs = { first: 5_000, forMore: 300_000, forFewer: 60_000 };

/** What was done in vain about a difference. */
interface Futile {
  readonly difference: number;
  readonly againAt: number;
  readonly waitMs: number;
}

export function counting(options: CountingOptions): Counting {
  const { transport, clock, random, log, members, probes, ask, isSettled } = options;
  /** In the order in which they are counted; one that is being counted is not among them. */
  const turns = new Set<string>();
  const futile = new Map<string, Futile>();
  const probing = new Set<string>();
  let timer: Timer | undefined;
  let underWay = 0;
  let stopped = false;

  function include(service: string): void {
    if (stopped) return;
    turns.add(service);
    if (timer === undefined) wait();
  }

  function wait(): void {
    const paceMs = Math.max(leastMs, roundMs / (turns.size + underWay));
    timer = clock.after(paceMs * (0.95 + random() * 0.05), () => {
      timer = undefined;
      const [next] = turns;
      if (next === undefined || stopped) return;
      // Not awaited: how long an answer takes must not slow the round down, unless the broker takes no more questions.
      if (underWay < mostUnderWay) void turn(next);
      wait();
    });
  }

  async function turn(service: string): Promise<void> {
    turns.delete(service);
    underWay++;
    const consumers = await count(service);
    underWay--;
    // One without any says so itself when it is back.
    if (consumers === undefined || consumers > 0 || members.of(service).length > 0) include(service);
    else futile.delete(service);
  }

  async function count(service: string): Promise<number | undefined> {
    try {
      const consumers = (await transport.inspect(names.requests(service)))?.consumers ?? 0;
      if (!stopped) compare(service, consumers);
      return consumers;
    } catch (err) {
      log.debug({ err, service }, "the broker did not say how many consumers a service has");
      return undefined;
    }
  }

  function compare(service: string, consumers: number): void {
    const known = members.of(service);
    const leaving = known.filter(({ state }) => state === "leaving").map(idOf);
    // One that is killed while it leaves has no consumer that could be missed. There are few of them.
    if (leaving.length > 0 && isSettled()) void probes.run(leaving);
    const difference = consumers - (known.length - leaving.length);
    if (difference === 0) members.confirm(service);
    else if (difference < 0 && (probing.has(service) || !isSettled())) return;
    else if (isDue(service, difference)) {
      if (difference > 0) ask(service);
      else void probe(service, -difference);
    }
  }

  /** One more that is missing is looked for at once; what nothing came of before can wait. */
  function isDue(service: string, difference: number): boolean {
    const before = futile.get(service);
    const now = clock.now();
    const isSame = before !== undefined && Math.sign(before.difference) === Math.sign(difference);
    const isNew = !isSame || difference < Math.min(0, before.difference);
    if (!isNew && now < before.againAt) return false;
    const mostMs = difference > 0 ? patienceMs.forMore : patienceMs.forFewer;
    const waitMs = isNew ? patienceMs.first : Math.min(before.waitMs * 2, mostMs);
    futile.set(service, { difference, againAt: now + waitMs * 0.9, waitMs });
    return true;
  }

  /** In an order of its own: of several listeners one finds it early, and tells the others. */
  async function probe(service: string, missing: number): Promise<void> {
    probing.add(service);
    const known = members.of(service).filter(({ state }) => state === "here");
    const mixed = known.map((each) => ({ each, at: random() })).toSorted((a, b) => a.at - b.at);
    const found = (): number => known.filter(({ id }) => !members.has(service, id)).length;
    await probes.run(
      mixed.map(({ each }) => idOf(each)),
      () => found() >= missing,
    );
    probing.delete(service);
    if (found() > 0) futile.delete(service);
  }

  return {
    include,
    count,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

function idOf({ service, id }: { readonly service: string; readonly id: string }): Gone {
  return { service, instance: id };
}
