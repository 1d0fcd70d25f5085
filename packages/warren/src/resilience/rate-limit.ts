import { Fault } from "../fault.ts";
import { type Clock, delay } from "../time.ts";
import { wholeNumber } from "../whole-number.ts";
import { abandoned } from "./abandoned.ts";
import { type Gate, type Guard, type GuardOptions, guard } from "./guard.ts";
import { about, notDone, type Work } from "./work.ts";

export interface RateLimitOptions extends GuardOptions {
  /** How many in a second, on average; may be a fraction. */
  readonly perSecond: number;
  /** How many at once after a quiet time. @default `perSecond`, at least 1 */
  readonly burst?: number;
  /** Those beyond it wait for their turn where that comes before their deadline. @default false: they are refused */
  readonly wait?: boolean;
  /** How many may wait. @default 100 */
  readonly maxWaiting?: number;
}

/**
 * Lets `perSecond` pass, evenly after a `burst` (a token bucket). The rest is refused with OVERLOADED, whose
 * `data.limit` is `perSecond` and whose `data.retryAfterMs` says when there is room again. Counts what passes through
 * this app: three instances of a service let three times as many pass.
 * @throws TypeError where an option makes no sense
 * @example service(mail, { use: [rateLimit({ perSecond: 10, wait: true, per: "service" })], methods })
 */
export function rateLimit(options: RateLimitOptions): Guard {
  const { perSecond, wait = false } = options;
  if (!(perSecond > 0 && Number.isFinite(perSecond)))
    throw new TypeError(`rateLimit: perSecond is ${perSecond}; use a number above 0.`);
  const settings: Settings = {
    perSecond,
    burst: wholeNumber("rateLimit: burst", options.burst, Math.max(1, Math.floor(perSecond))),
    maxWaiting: wholeNumber("rateLimit: maxWaiting", options.maxWaiting, 100, 0) * (wait ? 1 : 0),
  };
  return guard("rateLimit", options, (key, { clock }) => bucket(key, clock, settings));
}

interface Settings {
  readonly perSecond: number;
  readonly burst: number;
  /** None where `wait` is not asked for. */
  readonly maxWaiting: number;
}

/** Sums of fractions miss a whole number by less than this. */
const tolerance = 1e-9;

function bucket(key: string, clock: Clock, { perSecond, burst, maxWaiting }: Settings): Gate {
  /** Below zero while some wait, each for the token that it has taken in advance. */
  let tokens = burst;
  let filledAt = clock.now();
  let waiting = 0;

  function fill(): void {
    const now = clock.now();
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) * perSecond) / 1_000);
    filledAt = now;
  }

  function overloaded(work: Work, retryAfterMs: number): Fault {
    const full = maxWaiting > 0 && waiting >= maxWaiting ? `, and ${waiting} wait` : "";
    const message = `${notDone(work)}: more than ${perSecond} a second came${full}. Try again in ${retryAfterMs} ms (rate limit of ${key}).`;
    return new Fault("OVERLOADED", { ...about(work), limit: perSecond, retryAfterMs }, { message });
  }

  /** @throws Fault CANCELLED, or what a handler was ended with */
  async function turn(work: Work, waitMs: number): Promise<void> {
    waiting++;
    await delay(clock, waitMs, work.signal);
    waiting--;
    if (!work.signal?.aborted) return;
    fill();
    tokens = Math.min(burst, tokens + 1);
    throw abandoned(work);
  }

  return {
    get idle() {
      fill();
      return tokens >= burst - tolerance && waiting === 0;
    },
    async pass(work) {
      fill();
      const waitMs = tokens >= 1 - tolerance ? 0 : Math.ceil(((1 - tokens) * 1_000) / perSecond);
      if (waitMs > 0 && (waiting >= maxWaiting || clock.now() + waitMs >= work.deadline))
        throw overloaded(work, waitMs);
      tokens--;
      if (waitMs > 0) await turn(work, waitMs);
      return work.run();
    },
  };
}
