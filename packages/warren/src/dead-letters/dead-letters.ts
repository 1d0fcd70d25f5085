import { type Clock, systemClock } from "../time.ts";
import type { Transport } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import { causes, type LetterGroup } from "./cause.ts";
import type { Desk } from "./decide.ts";
import { type DecisionOptions, discardAll, editAll, type ReplayOptions, replayAll } from "./decision.ts";
import type { LetterFilter } from "./filter.ts";
import { notedServices, presentServices } from "./known-services.ts";
import type { DeadLetter } from "./letter.ts";
import type { LetterEdit } from "./republish.ts";
import { type Seen, see } from "./see.ts";
import { type Source, sourceOf, unclaimed } from "./source.ts";
import type { Decision } from "./tally.ts";

export interface DeadLettersOptions {
  /** @default the machine's own */
  readonly clock?: Clock | undefined;
  /** How long to wait for others who look at the same letters, in milliseconds. @default 5_000 */
  readonly waitMs?: number | undefined;
  /** How many letters of a service are held at once. @default 50_000 */
  readonly maxLetters?: number | undefined;
  /** What the letters in memory may take together, in bytes. @default 256 MiB */
  readonly maxBytes?: number | undefined;
}

export interface LookOptions {
  /** Ends the look early; what was seen by then is the result. */
  readonly signal?: AbortSignal | undefined;
}

export interface LetterList extends Seen {
  /** The oldest of each service first. */
  readonly letters: readonly DeadLetter[];
}

export interface LetterGroups extends Seen {
  /** The largest first. */
  readonly groups: readonly LetterGroup[];
}

/**
 * The dead letters of all services. Looking takes nothing away and changes no order; a letter leaves its queue only when
 * the broker has confirmed it elsewhere, or when it is discarded. While one looks at the letters of a service nobody
 * else can: each operation throws Fault UNAVAILABLE when others have not ended within `waitMs`, or when the connection
 * is lost, and Error for a service that nobody knows.
 */
export interface DeadLetters {
  /** The names of all services that ever started, sorted; without those whose queues were deleted. */
  services(): Promise<string[]>;
  list(filter?: LetterFilter, options?: LookOptions): Promise<LetterList>;
  /** The letters with this id: one, or several where an event failed in several services or was duplicated. */
  show(id: string, options?: LookOptions & Pick<LetterFilter, "services">): Promise<readonly DeadLetter[]>;
  /** Letters by cause. */
  groups(filter?: LetterFilter, options?: LookOptions): Promise<LetterGroups>;
  /**
   * Sends letters to the queue they failed in, and to no other, as if they were new. An event that nobody heard goes to
   * all who subscribe to it now. Killed in the middle, it may leave a letter that was replayed; none is lost.
   */
  replay(filter: LetterFilter, options?: ReplayOptions): Promise<Decision>;
  /** Deletes letters for good. */
  discard(filter: LetterFilter, options?: DecisionOptions): Promise<Decision>;
  /**
   * Changes all letters with this id; they move behind the others and keep their id.
   * @throws Fault BAD_MESSAGE where the new body is not what a letter says of its body, or its codec cannot write it
   */
  edit(
    id: string,
    edit: LetterEdit,
    options?: DecisionOptions & Pick<LetterFilter, "services">,
  ): Promise<Decision>;
}

/** For tools; the transport stays theirs to close. */
export function deadLetters(transport: Transport, options: DeadLettersOptions = {}): DeadLetters {
  const { clock = systemClock } = options;
  const waitMs = wholeNumber("deadLetters: `waitMs`", options.waitMs, 5_000, 0);
  const desk: Desk = {
    transport,
    clock,
    waitMs,
    limits: {
      letters: wholeNumber("deadLetters: `maxLetters`", options.maxLetters, 50_000),
      bytes: wholeNumber("deadLetters: `maxBytes`", options.maxBytes, 256 * 2 ** 20),
    },
  };
  const noted = (): Promise<string[]> => notedServices(transport, clock, waitMs);

  async function sources(wanted: readonly string[] | undefined): Promise<Source[]> {
    const from = wanted ?? [...(await noted()), ...unclaimed];
    const found = await Promise.all(from.map((name) => transport.inspect(sourceOf(name).queue)));
    const missing = from.filter((_, index) => found[index] === undefined);
    if (wanted !== undefined && missing.length > 0) await refuse(missing);
    return from.filter((_, index) => found[index] !== undefined).map(sourceOf);
  }

  async function refuse(missing: readonly string[]): Promise<void> {
    const known = await noted();
    // One that is known and whose queue was deleted has no letters; one that never started is a slip of the pen.
    const strange = missing.filter((name) => !known.includes(name) && !unclaimed.includes(name));
    if (strange.length === 0) return;
    const those = known.length === 0 ? "no service ever did" : `these did: ${known.join(", ")}`;
    throw new Error(`A service "${strange.join('", "')}" never started on this broker; ${those}.`);
  }

  return {
    services: () => presentServices(transport, clock, waitMs),
    async list(filter = {}, { signal } = {}) {
      const letters: DeadLetter[] = [];
      const limit = filter.limit ?? Number.POSITIVE_INFINITY;
      const seen = await see(desk, await sources(filter.services), filter, signal, (letter) => {
        if (letters.length >= limit) return false;
        letters.push(letter);
        return true;
      });
      return { ...seen, letters };
    },
    async show(id, { services: wanted, signal } = {}) {
      const letters: DeadLetter[] = [];
      const filter = { ids: [id] };
      await see(desk, await sources(wanted), filter, signal, (letter) => letters.push(letter) > 0);
      return letters;
    },
    async groups(filter = {}, { signal } = {}) {
      const counted = causes();
      const seen = await see(desk, await sources(filter.services), filter, signal, (letter) => {
        counted.add(letter);
        return false;
      });
      return { ...seen, groups: counted.groups() };
    },
    replay: async (filter, replayOptions = {}) =>
      replayAll(desk, await sources(filter.services), filter, replayOptions),
    discard: async (filter, discardOptions = {}) =>
      discardAll(desk, await sources(filter.services), filter, discardOptions),
    edit: async (id, change, { services: wanted, ...editOptions } = {}) =>
      editAll(desk, await sources(wanted), id, change, editOptions),
  };
}
