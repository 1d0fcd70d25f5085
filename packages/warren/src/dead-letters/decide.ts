import { isFault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { type Clock, delay } from "../time.ts";
import type { Transport } from "../transport.ts";
import type { Picked } from "./hands.ts";
import { type DeadLetter, letterOf } from "./letter.ts";
import { alone } from "./lock.ts";
import { connectionLost, type Look, type LookLimits, lookThrough } from "./look.ts";
import type { Source } from "./source.ts";

/** Where decisions are made, and how much of it is looked at at once. */
export interface Desk {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly limits: LookLimits;
  /** How long to wait for others who look. */
  readonly waitMs: number;
}

/** A letter and the message it was read from. */
export interface Item {
  readonly letter: DeadLetter;
  readonly message: Incoming;
}

export interface DecideOptions {
  /** Whether this letter is meant. */
  readonly matches: (letter: DeadLetter) => boolean;
  /** How many letters at the most. */
  readonly limit: number;
  readonly perSecond: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Does what was decided, and resolves when the letter may leave its queue. A fault leaves the letter where it is. */
  readonly act: (item: Item) => Promise<void>;
  /** Called after each letter, with the reason why it stayed where it did. */
  readonly tell: (letter: DeadLetter, failure: unknown) => void;
}

/** What became of one queue. */
export interface Decided {
  readonly done: number;
  /** How many letters were not looked at since there were too many. */
  readonly unseen: number;
  /** How many of those done are about to lie in the same queue again, as far as its length tells. */
  readonly returned: number;
}

/** How many letters may be on their way at once. */
const maxUnderway = 200;
/** RabbitMQ takes back what somebody holds for half an hour, so a slow replay lets go and looks again before. */
const maxHoldMs = 300_000;

/** Decides the letters of one queue that lie there now, the oldest first, in as many looks as it takes. */
export async function decide(desk: Desk, source: Source, options: DecideOptions): Promise<Decided> {
  const { transport, clock, limits, waitMs } = desk;
  const stayed = new Set<string>();
  let done = 0;
  let unseen = 0;
  let returned = 0;
  const pick = (message: Incoming): Item | undefined => {
    const letter = letterOf(source, message);
    return !stayed.has(letter.id) && options.matches(letter) ? { letter, message } : undefined;
  };
  await alone(transport, clock, source, waitMs, async () => {
    let left = await readyIn(transport, source);
    while (left > 0 && done < options.limit && options.signal?.aborted !== true) {
      // What came in meanwhile stands behind: a letter that fails again is not replayed again.
      const most = Math.min(left, limits.letters);
      const look = await lookThrough(
        transport,
        clock,
        source.queue,
        { ...limits, letters: most },
        options.signal,
        pick,
      );
      let round: Round;
      try {
        const before = await readyIn(transport, source);
        round = await decideHeld(desk, look, { ...options, limit: options.limit - done }, stayed);
        returned += Math.min(round.done, Math.max(0, (await readyIn(transport, source)) - before));
      } finally {
        await look.end();
      }
      if (look.lost) throw connectionLost(source.queue);
      done += round.done;
      left -= round.done;
      unseen = Math.max(0, left - look.looked + round.done);
      if (round.failure !== undefined) throw round.failure;
      if (round.done === 0 || (unseen === 0 && !round.cut)) return;
    }
  });
  return { done, unseen, returned };
}

async function readyIn(transport: Transport, { queue }: Source): Promise<number> {
  return (await transport.inspect(queue))?.messages ?? 0;
}

interface Round {
  readonly done: number;
  /** Time was up before all were decided. */
  readonly cut: boolean;
  /** Why going on makes no sense. */
  readonly failure: unknown;
}

async function decideHeld(
  { clock }: Desk,
  look: Look<Item>,
  { limit, perSecond, signal, act, tell }: DecideOptions,
  stayed: Set<string>,
): Promise<Round> {
  const underway = new Set<Promise<void>>();
  const begin = clock.now();
  let started = 0;
  let done = 0;
  let failure: unknown;

  async function one({ value, take }: Picked<Item>): Promise<void> {
    let about: unknown;
    try {
      await act(value);
      take();
      done++;
    } catch (error) {
      stayed.add(value.letter.id);
      about = error;
      if (!isAboutOne(error)) failure ??= error;
    }
    try {
      tell(value.letter, about);
    } catch (error) {
      failure ??= error;
    }
  }

  const over = (): boolean => signal?.aborted === true || look.lost || failure !== undefined;
  let cut = false;
  for (const item of look.picked) {
    if (started === limit || over()) break;
    const due = perSecond === undefined ? 0 : begin + (started * 1_000) / perSecond;
    if (due > clock.now()) await delay(clock, due - clock.now(), signal);
    while (underway.size >= maxUnderway) await Promise.race(underway);
    cut = clock.now() - begin > maxHoldMs;
    if (cut || over()) break;
    started++;
    const acting = one(item);
    underway.add(acting);
    void acting.then(() => underway.delete(acting));
  }
  // What is under way is decided still: confirmed and taken, or left.
  await Promise.all(underway);
  return { done, cut, failure };
}

/** Whether other letters may fare better: this one's queue is gone, or it is too large. */
function isAboutOne(error: unknown): boolean {
  return isFault(error) && (error.code === "UNROUTABLE" || error.code === "TOO_LARGE");
}
