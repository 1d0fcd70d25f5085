import { Fault, isFault, isSystemCode } from "../fault.ts";
import { AlreadyDone } from "../inbox/already-done.ts";
import type { Place } from "../service/middleware.ts";
import { wholeNumber } from "../whole-number.ts";
import { type Gate, type Guard, type GuardOptions, guard } from "./guard.ts";
import { recent } from "./recent.ts";
import { about, notDone, type Work } from "./work.ts";

export type CircuitState = "closed" | "open" | "half-open";

export interface CircuitChange {
  /** What is counted together: see `per`. */
  readonly key: string;
  readonly from: CircuitState;
  readonly to: CircuitState;
  /** While it is open: how long nothing is tried, in milliseconds. */
  readonly openMs?: number;
}

export interface CircuitBreakerOptions extends GuardOptions {
  /** It opens when this share of the outcomes are failures: above 0, at most 1. @default 0.5 */
  readonly threshold?: number;
  /** Fewer outcomes than this say nothing. At most `latest`. @default 20 */
  readonly minimum?: number;
  /** How many of the latest outcomes are looked at. From 1 to 10,000. @default 100, or `minimum` where that is more */
  readonly latest?: number;
  /** Outcomes older than this are not looked at, in milliseconds. @default 60_000 */
  readonly windowMs?: number;
  /** How long it stays open before it is tried whether things are better, in milliseconds. Doubled for each trial that fails. @default 5_000 */
  readonly openMs?: number;
  /** The longest it stays open, in milliseconds. @default 60_000, or `openMs` where that is more */
  readonly maxOpenMs?: number;
  /** How many may be under way at once to try it. The first that ends well closes it, the first that fails opens it again. @default 1 */
  readonly trials?: number;
  /** Whether an error says that what is guarded is broken. @default `isOutage` */
  readonly isFailure?: (error: unknown) => boolean;
  /** Told of every change, beside the log. */
  readonly onChange?: (change: CircuitChange) => void;
}

interface Settings {
  readonly threshold: number;
  readonly minimum: number;
  readonly latest: number;
  readonly windowMs: number;
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly trials: number;
  readonly isFailure: (error: unknown) => boolean;
  readonly onChange: ((change: CircuitChange) => void) | undefined;
}

/**
 * Stops asking what fails: when too many of the latest outcomes are failures, everything is refused at once with
 * UNAVAILABLE, whose `data.retryAfterMs` says when it is tried again. Then a trial decides.
 * @throws TypeError where an option makes no sense
 * @example app({ transport, outgoing: [circuitBreaker({ per: "service" })] })
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): Guard {
  const settings = read(options);
  return guard("circuitBreaker", options, (key, place) => breaker(key, place, settings));
}

const name = (option: keyof CircuitBreakerOptions): string => `circuitBreaker: ${option}`;
const mostLatest = 10_000;

function read(options: CircuitBreakerOptions): Settings {
  const { threshold = 0.5, isFailure = isOutage, onChange } = options;
  if (!(threshold > 0 && threshold <= 1))
    throw new TypeError(`${name("threshold")} is ${threshold}; use a share above 0 and up to 1.`);
  const minimum = wholeNumber(name("minimum"), options.minimum, 20, 1, mostLatest);
  const openMs = wholeNumber(name("openMs"), options.openMs, 5_000);
  return {
    threshold,
    minimum,
    latest: wholeNumber(name("latest"), options.latest, Math.max(100, minimum), minimum, mostLatest),
    windowMs: wholeNumber(name("windowMs"), options.windowMs, 60_000),
    openMs,
    maxOpenMs: wholeNumber(name("maxOpenMs"), options.maxOpenMs, Math.max(60_000, openMs), openMs),
    trials: wholeNumber(name("trials"), options.trials, 1),
    isFailure,
    onChange,
  };
}

function breaker(key: string, { clock, log }: Place, settings: Settings): Gate {
  const { threshold, minimum, trials, isFailure, onChange } = settings;
  const outcomes = recent(settings.latest, settings.windowMs);
  let state: CircuitState = "closed";
  /** Outcomes of what began before the last change say nothing about now. */
  let epoch = 0;
  let openings = 0;
  let openUntil = 0;
  let trying = 0;
  let why = "";

  function become(to: CircuitState, openMs?: number): void {
    const change: CircuitChange = { key, from: state, to, ...(openMs !== undefined && { openMs }) };
    state = to;
    epoch++;
    trying = 0;
    outcomes.clear();
    log[to === "open" ? "warn" : "info"]({ ...change, why }, `circuit breaker: ${key} is ${to}`);
    try {
      onChange?.(change);
    } catch (err) {
      log.error({ err, key }, "circuitBreaker: onChange threw");
    }
  }

  function open(reason: string): void {
    const openMs = Math.min(settings.maxOpenMs, settings.openMs * 2 ** openings++);
    why = reason;
    openUntil = clock.now() + openMs;
    become("open", openMs);
  }

  /** @throws Fault UNAVAILABLE */
  function admit(work: Work): void {
    if (state === "closed") return;
    const leftMs = openUntil - clock.now();
    if (state === "open" && leftMs > 0) throw refusal(work, leftMs);
    if (state === "open") become("half-open");
    if (trying >= trials) throw refusal(work, settings.openMs);
    trying++;
  }

  function refusal(work: Work, retryAfterMs: number): Fault {
    return new Fault(
      "UNAVAILABLE",
      { ...about(work), retryAfterMs },
      {
        message: `${notDone(work)}: ${why}. It is tried again in ${retryAfterMs} ms (circuit breaker of ${key}).`,
      },
    );
  }

  function note(began: number, outcome: Outcome): void {
    if (began !== epoch) return;
    if (state === "half-open") {
      trying--;
      if (outcome === "failure") open("it still failed when it was tried again");
      if (outcome !== "success") return;
      openings = 0;
      become("closed");
      return;
    }
    if (outcome === "nothing") return;
    const now = clock.now();
    outcomes.add(now, outcome === "failure");
    const { total, failures } = outcomes.count(now);
    if (outcome === "failure" && total >= minimum && failures >= threshold * total)
      open(`${failures} of the last ${total} tries failed`);
  }

  return {
    get idle() {
      return state === "closed" && outcomes.count(clock.now()).failures === 0;
    },
    async pass(work) {
      // One that is late already fails by its own fault.
      if (work.deadline <= clock.now()) return work.run();
      admit(work);
      const began = epoch;
      let noted = false;
      const once = (outcome: Outcome): void => {
        if (!noted) note(began, outcome);
        noted = true;
      };
      // A handler may run on long after it was given up. A call ends by itself.
      const signal = work.kind === "call" ? undefined : work.signal;
      const givenUp = (): void => once(outcomeOf(signal?.reason, isFailure));
      signal?.addEventListener("abort", givenUp, { once: true });
      try {
        const result = await work.run();
        once("success");
        return result;
      } catch (error) {
        once(outcomeOf(error, isFailure));
        throw error;
      } finally {
        signal?.removeEventListener("abort", givenUp);
      }
    },
  };
}

type Outcome = "success" | "failure" | "nothing";

/** A declared fault is an answer, and so is a refusal by the other side. What this process refused says nothing of it. */
function outcomeOf(error: unknown, isFailure: (error: unknown) => boolean): Outcome {
  if (isFailure(error)) return "failure";
  const ownRefusal = isFault(error) && error.from === undefined && isSystemCode(error.code);
  return ownRefusal ? "nothing" : "success";
}

const outages = new Set(["TIMEOUT", "UNAVAILABLE", "UNROUTABLE", "UNKNOWN_OUTCOME", "INTERNAL", "BAD_REPLY"]);

/**
 * Whether an error says that somebody cannot do its work: no answer, no way to it, OVERLOADED from over there, or an
 * error that nobody declared. A declared fault is an answer, and CANCELLED or INVALID_INPUT are the caller's own.
 */
export function isOutage(error: unknown): boolean {
  // Another delivery of the same event was faster.
  if (error instanceof AlreadyDone) return false;
  if (!isFault(error)) return true;
  return outages.has(error.code) || (error.code === "OVERLOADED" && error.from !== undefined);
}
