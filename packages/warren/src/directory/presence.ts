import { type EventLoopUtilization, performance } from "node:perf_hooks";
import type { AnyContract } from "../contract/contract.ts";
import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Incoming, Outgoing } from "../message.ts";
import type { Clock, Timer } from "../time.ts";
import type { Transport } from "../transport.ts";
import { contractFingerprint } from "./contract-fingerprint.ts";
import { type Presence as Message, presenceMessage, thisHost, types } from "./messages.ts";
import type { DirectoryMessage, DirectoryObserver } from "./observer.ts";

export interface PresenceOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly instance: string;
  readonly version: string | undefined;
  /** What this process runs. Without any it says nothing. */
  readonly contracts: readonly AnyContract[];
  /** Handlers under way. */
  readonly active: () => number;
  readonly observer?: DirectoryObserver | undefined;
}

/** What a process says of itself to those who keep a directory. Never throws. */
export interface Presence {
  /** Its services take work. From now on it answers questions, and says again what it is after each reconnect. */
  here(): void;
  /** Deals with a message that is the directory's. @returns false for all others */
  heard(message: Incoming): boolean;
  /** It takes no more work. */
  leave(): void;
  readonly phase: "new" | "here" | "leaving" | "left";
  /** It ends. */
  left(): void;
}

/** Between two refreshes, which bring no more than its load: nobody is missed for being silent. */
const refreshMs = { least: 90_000, most: 180_000 };
/** After a broker's restart all processes come back at once. */
const spreadMs = 500;

/** A shorter time holds little more than the answering of a question, which makes an idle loop look busy. */
const leastMeasuredMs = 1_000;

/** How busy the event loop was since it was last measured, from 0 to 1; what it was then, if that is a moment ago. */
function busyness(): () => number {
  let from: EventLoopUtilization | undefined;
  let known = 0;
  return () => {
    const now = performance.eventLoopUtilization();
    const { idle, active, utilization } = from ? performance.eventLoopUtilization(now, from) : now;
    if (from === undefined || idle + active >= leastMeasuredMs) {
      from = now;
      known = Math.round(utilization * 1_000) / 1_000;
    }
    return known;
  };
}

export function presence(options: PresenceOptions): Presence {
  const { transport, clock, random, log, contracts, observer } = options;
  let phase: Presence["phase"] = "new";
  let since = 0;
  let away = false;
  const busy = busyness();
  let services: Message["services"] = [];
  let timer: Timer | undefined;
  let unwatch = (): void => {};

  function message(said: Message["said"], to?: string): Outgoing {
    const { instance, version } = options;
    const load = { handlers: options.active(), eventLoop: busy() };
    return presenceMessage(
      { said, instance, version, host: thisHost, pid: process.pid, since, load, services },
      to,
    );
  }

  /** What is not sent now, as the broker is away, is said when it is back. */
  function say(said: Message["said"], about: DirectoryMessage, to?: string): void {
    try {
      if (transport.send(message(said, to))) observer?.sent?.(about);
      else away = true;
    } catch (err) {
      log.warn({ err }, "this process could not tell the directory of itself");
    }
  }

  function again(afterMs: number, about: DirectoryMessage): void {
    timer?.cancel();
    timer = clock.after(afterMs, () => {
      say(phase === "leaving" ? phase : "here", about);
      again(refreshMs.least + random() * (refreshMs.most - refreshMs.least), "refreshed");
    });
  }

  return {
    here() {
      if (phase !== "new" || contracts.length === 0) return;
      phase = "here";
      since = clock.now();
      services = contracts.map((each) => ({ name: each.name, fingerprint: contractFingerprint(each) }));
      // Its own queue was lost with the connection, and may have been seen to be gone.
      unwatch = transport.watch(({ publishing, consuming }) => {
        if (!publishing || !consuming) away = true;
        else if (away) {
          away = false;
          again(random() * spreadMs, "joined");
        }
      });
      say("joined", "joined");
      again(refreshMs.least + random() * (refreshMs.most - refreshMs.least), "refreshed");
    },
    heard({ type, replyTo }) {
      if (type === types.probe) {
        observer?.received?.("probe");
        return true;
      }
      if (type !== types.question) return false;
      observer?.received?.("question");
      if (replyTo !== undefined && (phase === "here" || phase === "leaving")) say(phase, "answer", replyTo);
      return true;
    },
    leave() {
      const wasHere = phase === "here";
      phase = phase === "left" ? "left" : "leaving";
      if (wasHere) say("leaving", "leaving");
    },
    get phase() {
      return phase;
    },
    left() {
      const wasThere = services.length > 0 && phase !== "left";
      phase = "left";
      timer?.cancel();
      unwatch();
      if (wasThere) say("left", "left");
    },
  };
}
