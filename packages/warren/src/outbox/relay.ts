import type { Logger } from "../log.ts";
import { outage } from "../outage.ts";
import type { Store } from "../store.ts";
import { type Clock, delay, type Timer } from "../time.ts";
import type { Transport } from "../transport.ts";
import type { Deliver, NotDelivered } from "./delivery.ts";
import type { OutboxEntry } from "./entry.ts";
import { type Hold, hasRoom, holding, roomAfter } from "./holding.ts";
import type { Outbox } from "./outbox.ts";
import { type Claim, outboxRows, type Room, type StoredEntry } from "./rows.ts";
import { settling } from "./settling.ts";

export interface RelayOptions {
  readonly store: Store<any>;
  readonly transport: Pick<Transport, "state" | "watch">;
  readonly deliver: Deliver;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whose leases this process's are. */
  readonly instance: string;
}

/** How long an entry is this process's before another one may take it, in milliseconds. Renewed while it is under way. */
export const leaseMs = 30_000;
/** The safety net: how long what this process was not told of may wait, in milliseconds. */
const pollMs = 1_000;
/** The same where nothing was found so many times: most databases are idle most of the day, and a look wakes two hosts. */
const idlePollMs = 5_000;
const idleAfterLooks = 30;
/** What one statement claims. Half of what may be in hand at the most, so that what commits meanwhile has room as well. */
const claimedTogether: Room = { rows: 256, bytes: 8 * 2 ** 20, calls: 100 };
const claimedBehind: Room = { ...claimedTogether, rows: 500 };
const claimedPerLane = 100;
const longestPauseMs = 5_000;

/**
 * Sends what is in a store's outbox. What this process commits is sent from memory; what others left, what is due
 * later and what has an order is claimed from the store. An entry is deleted when it is done, and not before.
 */
export function relay(options: RelayOptions): Outbox {
  const { store, transport, deliver, clock, log, instance } = options;
  const rows = outboxRows(store, instance);
  const away = outage(log, {
    began: "the store cannot be reached; its outbox waits",
    ended: "the store can be reached again",
  });
  const leases = new WeakMap<OutboxEntry, number>();
  let phase: "new" | "running" | "stopping" | "stopped" = "new";
  let looking: Promise<void> | undefined;
  let lookAgain: boolean | undefined;
  let failures = 0;
  /** How often in a row nothing was found. */
  let emptyLooks = 0;
  let poll: Timer | undefined;
  let pollAt = Number.POSITIVE_INFINITY;
  let unwatch = (): void => {};

  const settle = settling({ rows, clock, outage: away, settled });
  const held = holding({ clock, rows, outage: away, leaseMs });

  function settled(ids: readonly string[]): void {
    const wasFull = held.isFull || held.isFullOfCalls;
    held.release(ids);
    // There is room again, or a lane goes on.
    if (held.takeLaneEnded() || wasFull) look(true);
  }

  const canSend = (): boolean => phase === "running" && transport.state.publishing;

  /** @returns false where the entry is not done, so that nothing of its lane may follow */
  async function send(hold: Hold): Promise<boolean> {
    const { entry } = hold;
    // As after a long stop of the process. Another one may have it.
    if (hold.leasedUntil <= clock.now()) {
      held.release([entry.id]);
      return false;
    }
    hold.isUnderWay = true;
    const delivered = await deliver(entry);
    // Its lease was given back.
    if (phase === "stopped") return false;
    if (delivered.done) settle.sent(entry.id);
    else notSent(entry, delivered, true);
    return delivered.done;
  }

  function notSent({ id }: StoredEntry, { delayMs, ...why }: NotDelivered, tried: boolean): void {
    const dueAt = clock.now() + delayMs;
    settle.notSent({ ...why, id, dueAt, tried });
    if (phase === "running") pollBy(dueAt);
  }

  /** One after the other; behind one that fails the others wait with it. */
  async function sendLane(lane: readonly Hold[]): Promise<void> {
    for (const [index, hold] of lane.entries()) {
      if (!canSend()) return giveBack(lane.slice(index));
      if (!(await send(hold))) return giveBack(lane.slice(index + 1));
    }
  }

  function giveBack(holds: readonly Hold[]): void {
    for (const { entry } of holds) notSent(entry, { delayMs: 0 }, false);
  }

  /** Looks for what is due, now or once the look under way is over. `isDue`: there is something, no need to ask. */
  function look(isDue: boolean): void {
    if (phase !== "running") return;
    lookAgain = lookAgain === undefined ? isDue : lookAgain || isDue;
    looking ??= lookAround().finally(() => {
      looking = undefined;
      if (lookAgain !== undefined) look(lookAgain);
    });
  }

  async function lookAround(): Promise<void> {
    const isDue = lookAgain === true;
    lookAgain = undefined;
    try {
      if (isDue) await claimAll();
      else await claimWhatIsDue();
      away.ended();
      failures = 0;
    } catch (error) {
      away.began(error);
      pollBy(clock.now() + Math.min(longestPauseMs, 100 * 2 ** failures++));
    }
  }

  /** Asks first: where nothing is due, which is most of the time, that costs the store least. */
  async function claimWhatIsDue(): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      const due = await rows.nextDue();
      const inMs = due === undefined ? idlePollMs : due - clock.now();
      emptyLooks = inMs > pollMs ? emptyLooks + 1 : 0;
      const restMs = emptyLooks > idleAfterLooks ? idlePollMs : pollMs;
      // What is due and could not be claimed is another one's, or behind one that is.
      if (inMs > 0 || !isFirst || !canSend())
        return pollBy(clock.now() + (inMs > 0 ? Math.min(inMs, restMs) : restMs));
      await claimAll();
    }
  }

  async function claimAll(): Promise<void> {
    while (canSend() && !held.isFull) {
      const { holds, isAll } = await claim(claimedTogether, rows.claim);
      const lanes = holds.flatMap(({ entry }) => entry.lane ?? []);
      try {
        if (lanes.length > 0) holds.push(...(await claimWhatFollows(lanes)));
      } finally {
        begin(holds);
      }
      if (isAll) return;
    }
  }

  async function claimWhatFollows(lanes: readonly string[]): Promise<readonly Hold[]> {
    if (held.isFull) return [];
    const { holds } = await claim(claimedBehind, (some) => rows.claimBehind(lanes, some, claimedPerLane));
    return holds;
  }

  /** In hand as soon as it is claimed. `isAll`: it would have claimed more, had there been any. */
  async function claim(
    most: Room,
    ask: (claim: Claim) => Promise<readonly StoredEntry[]>,
  ): Promise<{ readonly holds: Hold[]; readonly isAll: boolean }> {
    const { free, ...some } = held.reserve(most);
    const now = clock.now();
    const leasedUntil = now + leaseMs;
    let entries: readonly StoredEntry[];
    try {
      entries = await ask({ ...some, now, leasedUntil });
    } finally {
      free();
    }
    const left = entries.reduce<Room>(roomAfter, some);
    return {
      holds: entries.map((entry) => held.take(entry, leasedUntil)),
      isAll: hasRoom(left) && (left.calls > 0 || some.calls === 0),
    };
  }

  function begin(holds: readonly Hold[]): void {
    const lanes = new Map<string, Hold[]>();
    if (!canSend()) return giveBack(holds);
    for (const hold of holds) {
      const { entry } = hold;
      if (entry.lane === undefined) void send(hold);
      else lanes.set(entry.lane, [...(lanes.get(entry.lane) ?? []), hold]);
    }
    for (const lane of lanes.values()) void sendLane(lane);
  }

  function pollBy(at: number): void {
    if (phase !== "running" || at >= pollAt) return;
    poll?.cancel();
    pollAt = at;
    poll = clock.after(Math.max(0, at - clock.now()), () => {
      pollAt = Number.POSITIVE_INFINITY;
      look(false);
    });
  }

  /** What is sent from memory right after its transaction. The rest is claimed when its turn comes. */
  function sentFromMemory(entries: readonly OutboxEntry[], now: number): Set<OutboxEntry> {
    const mine = new Set<OutboxEntry>();
    if (!canSend()) return mine;
    let { room } = held;
    for (const entry of entries) {
      if (entry.lane !== undefined || entry.dueAt > now || !hasRoom(room, entry.kind)) continue;
      mine.add(entry);
      room = roomAfter(room, entry);
    }
    return mine;
  }

  return {
    async add(sql, entries, { soon = false } = {}) {
      const now = clock.now();
      const mine = soon ? sentFromMemory(entries, now) : new Set();
      const leasedUntil = now + leaseMs;
      await rows.insert(sql, entries, now, (entry) => (mine.has(entry) ? leasedUntil : undefined));
      for (const entry of entries) if (mine.has(entry)) leases.set(entry, leasedUntil);
    },
    committed(entries) {
      emptyLooks = 0;
      let isAnyDue = false;
      for (const entry of entries) {
        const leasedUntil = leases.get(entry);
        const stored = { ...entry, attempts: 0, failures: 0 };
        if (leasedUntil !== undefined && phase === "running") {
          // Where others that commit at the same time have taken the room, it waits in the store like the rest.
          if (hasRoom(held.room, entry.kind)) void send(held.take(stored, leasedUntil));
          else notSent(stored, { delayMs: 0 }, false);
        } else if (entry.dueAt <= clock.now()) isAnyDue = true;
        else pollBy(entry.dueAt);
      }
      if (isAnyDue) look(true);
    },
    cancel: rows.cancel,
    start() {
      phase = "running";
      unwatch = transport.watch(({ publishing }) => {
        if (publishing) look(false);
      });
      look(false);
    },
    async stop({ drainMs }) {
      if (phase === "stopping" || phase === "stopped") return;
      phase = "stopping";
      unwatch();
      poll?.cancel();
      const outOfTime = new AbortController();
      // While the broker is away nothing of it will be confirmed.
      const patience = delay(clock, transport.state.publishing ? drainMs : 0, outOfTime.signal);
      await Promise.race([Promise.all([looking, held.empty()]), patience]);
      outOfTime.abort();
      settle.giveUp();
      await settle.idle();
      phase = "stopped";
      await held.letGo();
    },
  };
}
