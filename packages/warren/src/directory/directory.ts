import { type Random, randomId, systemRandom } from "../id.ts";
import { type Logger, silent } from "../log.ts";
import type { Incoming } from "../message.ts";
import { names } from "../names.ts";
import { type Clock, delay, systemClock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { type ChangeReader, changeReader, type DirectoryChange } from "./changes.ts";
import { counting } from "./counting.ts";
import type { DirectoryInstance } from "./instance.ts";
import { members } from "./members.ts";
import { type Gone, goneIn, goneMessage, presenceIn, questionMessage, types } from "./messages.ts";
import type { DirectoryObserver } from "./observer.ts";
import { probes } from "./probes.ts";
import { type DirectoryService, servicesOf } from "./services.ts";
import { directoryTopology } from "./topology.ts";

export interface DirectoryOptions {
  /** Services that are listed also while no instance of them is there. */
  readonly services?: readonly string[];
  /** @default the machine's own */
  readonly clock?: Clock;
  readonly random?: Random;
  /** @default silent */
  readonly log?: Logger;
  readonly observer?: DirectoryObserver | undefined;
}

export interface InstanceFilter {
  readonly service?: string | undefined;
  readonly version?: string | undefined;
  readonly state?: DirectoryInstance["state"] | undefined;
}

/**
 * Who is alive, what they implement, in which version. An instance that joins or leaves is seen as soon as the broker has
 * brought its word; one that is killed is forgotten some seconds after the broker has noticed, as it counts fewer
 * consumers then. Silence means nothing, so a busy instance stays. Holds 10,000 instances at the most.
 */
export interface Directory extends AsyncDisposable {
  /** All that are known, or those that match, in no particular order. */
  instances(filter?: InstanceFilter): readonly DirectoryInstance[];
  /** The same by service, sorted by name: which versions and contracts run side by side. */
  services(): readonly DirectoryService[];
  /**
   * What changes from now on, until `signal` is aborted, the loop is left or the directory closes. A reader that has 1,000
   * changes before it loses them, and is told to look again (`resync`).
   */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<DirectoryChange>;
  /** Calls back on every change; an error that is thrown there is logged. @returns stops that */
  watch(changed: (change: DirectoryChange) => void): () => void;
  /** False while the connection is lost: then what is known may be old, and nobody is taken for gone. */
  readonly connected: boolean;
  /** Stops listening; idempotent. The transport stays open. */
  close(): Promise<void>;
}

const maxInstances = 10_000;
const prefetch = 256;
/** After our own connection was away: those who lost theirs with it come back at about the same time. */
const graceMs = 10_000;
/** How long the first answers are waited for: until none comes for a while. */
const answers = { quietMs: 150, mostMs: 1_000 };
const lineEveryMs = 60_000;

/**
 * Opens a directory: asks all instances once who they are, and listens. Resolves when they have answered, or after a
 * second; those that are too busy to answer yet join later.
 * @throws Fault UNAVAILABLE when no broker answers in time
 */
export async function directory(transport: Transport, options: DirectoryOptions = {}): Promise<Directory> {
  const { clock = systemClock, random = systemRandom, log = silent, observer, services = [] } = options;
  const queue = names.directoryListener(randomId(random, 12));
  const readers = new Set<ChangeReader>();
  const watchers = new Set<(change: DirectoryChange) => void>();
  const known = members(maxInstances, changed);
  const asking = probes({ ...{ transport, clock, log, observer }, isKnown, gone });
  const isSettled = (): boolean => connected && clock.now() >= settledAt;
  const rounds = counting({ transport, clock, random, log, members: known, probes: asking, ask, isSettled });
  let connected = true;
  let settledAt = 0;
  let heard = 0;
  let ignored = 0;
  let lastLineAt = Number.NEGATIVE_INFINITY;
  let closing: Promise<void> | undefined;

  function changed(change: DirectoryChange): void {
    if (change.kind === "joined") rounds.include(change.instance.service);
    if (change.kind === "left" || change.kind === "lost")
      observer?.removed?.(change.instance.service, change.kind);
    for (const reader of readers) reader.push(change);
    for (const watcher of watchers) tell(watcher, change);
  }

  function tell(watcher: (change: DirectoryChange) => void, change: DirectoryChange): void {
    try {
      watcher(change);
    } catch (err) {
      log.error({ err }, "a watcher of the directory threw");
    }
  }

  function ask(service?: string): void {
    if (transport.send(questionMessage(queue, service))) observer?.sent?.("question");
  }

  function isKnown({ service, instance }: Gone): boolean {
    return known.has(service, instance);
  }

  /** What runs in the same process is likely to be gone too; other listeners need not look for it. */
  function gone(one: Gone): void {
    if (!isSettled()) return;
    known.lost(one.service, one.instance);
    if (transport.send(goneMessage(one))) observer?.sent?.("gone");
    for (const service of known.servicesAt(one.instance)) asking.one({ ...one, service });
  }

  function hear(message: Incoming): "ack" {
    const presence = message.type === types.presence ? presenceIn(message) : undefined;
    const note = message.type === types.gone ? goneIn(message) : undefined;
    if (note !== undefined) {
      observer?.received?.("gone");
      // Anybody can say so; only the broker is believed.
      asking.one(note);
    } else if (presence === undefined || !known.told(presence, clock.now())) {
      ignore(presence === undefined ? "is not of the directory" : "would make it too large");
    } else {
      heard++;
      const said = presence.said === "here" ? "refreshed" : presence.said;
      observer?.received?.(message.exchange === "" ? "answer" : said);
    }
    return "ack";
  }

  function ignore(why: string): void {
    ignored++;
    if (clock.now() - lastLineAt < lineEveryMs) return;
    lastLineAt = clock.now();
    log.warn({ ignored, instances: known.size }, `the directory ignored a message that ${why}`);
    ignored = 0;
  }

  async function answered(): Promise<void> {
    const end = clock.now() + answers.mostMs;
    const pause = (): Promise<void> => delay(clock, Math.min(answers.quietMs, end - clock.now()));
    let before = heard;
    // Before the broker is asked for numbers: whoever is missing then is asked once more.
    await pause();
    const counts = await Promise.all(services.map((name) => rounds.count(name)));
    for (const [index, count] of counts.entries()) if (count) rounds.include(services[index]!);
    const isComplete = (): boolean =>
      counts.every((count, index) => (count ?? 0) <= known.of(services[index]!).length);
    while (clock.now() < end && (before !== heard || !isComplete())) {
      before = heard;
      await pause();
    }
  }

  async function close(): Promise<void> {
    unwatch();
    asking.stop();
    rounds.stop();
    for (const reader of [...readers]) reader.end();
    watchers.clear();
    await consumer.stop();
  }

  await transport.declare(directoryTopology(queue));
  const consumer = await transport.consume(queue, hear, { prefetch });
  const unwatch = transport.watch(({ publishing, consuming }) => {
    const isBack = publishing && consuming;
    if (connected === isBack) return;
    connected = isBack;
    if (!isBack) return known.doubt();
    settledAt = clock.now() + graceMs;
    ask();
  });

  ask();
  await answered();

  const opened: Directory = {
    instances: ({ service, version, state } = {}) =>
      (service === undefined ? known.all() : known.of(service)).filter(
        (each) =>
          (version === undefined || each.version === version) &&
          (state === undefined || each.state === state),
      ),
    services: () => servicesOf(known, services),
    changes({ signal } = {}) {
      const reader: ChangeReader = changeReader(signal, () => readers.delete(reader));
      if (closing !== undefined || signal?.aborted === true) reader.end();
      else readers.add(reader);
      return reader;
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    get connected() {
      return connected;
    },
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]: () => opened.close(),
  };
  return opened;
}
