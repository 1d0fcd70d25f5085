import type { Outage } from "../outage.ts";
import type { Clock, Timer } from "../time.ts";
import type { OutboxEntry } from "./entry.ts";
import type { OutboxRows, Room, StoredEntry } from "./rows.ts";

/** An entry that this process has a lease on. */
export interface Hold {
  readonly entry: StoredEntry;
  leasedUntil: number;
  /** It is being sent. */
  isUnderWay: boolean;
}

/** What this process has in hand of one outbox: so many, and no more. The rest waits in the store. */
export interface Holding {
  /** What may be taken in hand yet. */
  readonly room: Room;
  readonly isFull: boolean;
  readonly isFullOfCalls: boolean;
  /** Keeps room for what is being asked for, no more than `most` and what there is, until it is `free` again. */
  reserve(most: Room): Room & { free(): void };
  take(entry: StoredEntry, leasedUntil: number): Hold;
  /** It is nobody's any more, or another one's. */
  release(ids: readonly string[]): void;
  /** Whether something with a lane was released since this was last asked. */
  takeLaneEnded(): boolean;
  /** Resolves when nothing is in hand. */
  empty(): Promise<void>;
  /** Gives back all leases, for the end of the process. What is under way may then be sent twice. */
  letGo(): Promise<void>;
}

export interface HoldingOptions {
  readonly clock: Clock;
  readonly rows: OutboxRows;
  readonly outage: Outage;
  readonly leaseMs: number;
}

/** Enough for the broker to confirm many at once, and little enough to be sent twice after a kill. */
const maxHeld = 1_000;
const maxBytes = 32 * 2 ** 20;
/** Calls may take their time, and shall not keep events from being sent. */
const maxCalls = 200;

export function holding({ clock, rows, outage, leaseMs }: HoldingOptions): Holding {
  const held = new Map<string, Hold>();
  const waiting: (() => void)[] = [];
  let bytes = 0;
  let calls = 0;
  let reserved: Room = { rows: 0, bytes: 0, calls: 0 };
  let laneEnded = false;
  let renewal: Timer | undefined;

  /** What takes longer than its lease stays this process's: a call, or a broker that is slow to confirm. */
  async function renew(): Promise<void> {
    renewal = undefined;
    const now = clock.now();
    const leasedUntil = now + leaseMs;
    const old = [...held.values()].filter(
      (hold) => hold.leasedUntil < now + leaseMs / 2 && hold.leasedUntil > now,
    );
    try {
      if (old.length > 0) {
        const ids = old.map(({ entry }) => entry.id);
        const mine = await rows.renew(ids, leasedUntil);
        // What another one took meanwhile is over here.
        for (const hold of old) hold.leasedUntil = mine.has(hold.entry.id) ? leasedUntil : 0;
      }
    } catch (error) {
      // The leases end, and others send it as well.
      outage.began(error);
    }
    arm();
  }

  function arm(): void {
    if (held.size > 0) renewal ??= clock.after(leaseMs / 3, () => void renew());
  }

  const room = (): Room => ({
    rows: Math.max(0, maxHeld - held.size - reserved.rows),
    bytes: Math.max(0, maxBytes - bytes - reserved.bytes),
    calls: Math.max(0, maxCalls - calls - reserved.calls),
  });

  function reserve(most: Room): Room & { free(): void } {
    const { rows, bytes, calls } = room();
    const mine = {
      rows: Math.min(rows, most.rows),
      bytes: Math.min(bytes, most.bytes),
      calls: Math.min(calls, most.calls),
    };
    reserved = plus(reserved, mine, 1);
    return {
      ...mine,
      free() {
        reserved = plus(reserved, mine, -1);
      },
    };
  }

  function release(id: string): void {
    const hold = held.get(id);
    if (hold === undefined) return;
    held.delete(id);
    bytes -= hold.entry.message.body.length;
    if (hold.entry.kind === "call") calls--;
    if (hold.entry.lane !== undefined) laneEnded = true;
  }

  return {
    get room() {
      return room();
    },
    get isFull() {
      return !hasRoom(room());
    },
    get isFullOfCalls() {
      return room().calls === 0;
    },
    reserve,
    take(entry, leasedUntil) {
      // Its lease was over, and it was claimed again.
      release(entry.id);
      const hold = { entry, leasedUntil, isUnderWay: false };
      held.set(entry.id, hold);
      bytes += entry.message.body.length;
      if (entry.kind === "call") calls++;
      arm();
      return hold;
    },
    release(ids) {
      for (const id of ids) release(id);
      if (held.size > 0) return;
      renewal?.cancel();
      renewal = undefined;
      for (const resolve of waiting.splice(0)) resolve();
    },
    takeLaneEnded() {
      const ended = laneEnded;
      laneEnded = false;
      return ended;
    },
    empty: async () => {
      if (held.size > 0) await new Promise<void>((resolve) => void waiting.push(resolve));
    },
    async letGo() {
      renewal?.cancel();
      const dueAt = clock.now();
      const left = [...held].map(([id, { isUnderWay }]) => ({ id, dueAt, tried: isUnderWay }));
      if (left.length === 0) return;
      try {
        await rows.giveBack(left);
      } catch (error) {
        outage.began(error);
      }
    },
  };
}

/** Whether one more goes into it, of a certain kind or of any. */
export function hasRoom({ rows, bytes, calls }: Room, kind?: StoredEntry["kind"]): boolean {
  return rows > 0 && bytes > 0 && (kind !== "call" || calls > 0);
}

/** What is left of it behind one more. */
export function roomAfter({ rows, bytes, calls }: Room, { kind, message }: Omit<OutboxEntry, "dueAt">): Room {
  return { rows: rows - 1, bytes: bytes - message.body.length, calls: calls - (kind === "call" ? 1 : 0) };
}

function plus(a: Room, b: Room, times: 1 | -1): Room {
  return {
    rows: a.rows + times * b.rows,
    bytes: a.bytes + times * b.bytes,
    calls: a.calls + times * b.calls,
  };
}
