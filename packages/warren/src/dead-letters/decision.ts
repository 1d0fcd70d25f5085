import { Fault, isFault } from "../fault.ts";
import { names } from "../names.ts";
import type { Transport } from "../transport.ts";
import { wholeNumber } from "../whole-number.ts";
import { type Desk, decide, type Item } from "./decide.ts";
import { type LetterFilter, matcher } from "./filter.ts";
import { edited, type LetterEdit, revived } from "./republish.ts";
import { see } from "./see.ts";
import type { Source } from "./source.ts";
import { type Decision, gone, type Told, tallying } from "./tally.ts";

export interface DecisionOptions {
  /** Says what would be done, and does nothing. @default false */
  readonly dryRun?: boolean | undefined;
  /** Ends it between two letters: each is where it was or where it goes, never in both or in neither. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each letter, with the numbers so far. */
  readonly onProgress?: ((progress: { readonly done: number; readonly stayed: number }) => void) | undefined;
}

export interface ReplayOptions extends DecisionOptions {
  /** At most so many a second. @default as fast as the broker takes them */
  readonly perSecond?: number | undefined;
}

export function replayAll(
  desk: Desk,
  sources: readonly Source[],
  filter: LetterFilter,
  options: ReplayOptions,
): Promise<Decision> {
  const { perSecond } = options;
  if (perSecond !== undefined && !(perSecond > 0))
    throw new TypeError(`replay: \`perSecond\` is ${perSecond}; use a number above 0.`);
  if (options.dryRun === true) return rehearse(desk, sources, filter, options.signal);
  return decideAll(desk, sources, filter, options, "replayed", async (source, { message }) => {
    const target = source.target(message);
    if (target === undefined) throw new Fault("UNROUTABLE", {}, { message: nowhere });
    await desk.transport.publish(revived(message, target));
  });
}

export function discardAll(
  desk: Desk,
  sources: readonly Source[],
  filter: LetterFilter,
  options: DecisionOptions,
): Promise<Decision> {
  if (options.dryRun === true) return counted(desk, sources, filter, options.signal);
  return decideAll(desk, sources, filter, options, "discarded", async () => {});
}

export function editAll(
  desk: Desk,
  sources: readonly Source[],
  id: string,
  edit: LetterEdit,
  options: DecisionOptions,
): Promise<Decision> {
  if (options.dryRun === true) return counted(desk, sources, { ids: [id] }, options.signal);
  return decideAll(desk, sources, { ids: [id] }, options, "changed", async (source, { message }) => {
    await desk.transport.publish(await edited(source, message, edit, desk.clock.now()));
  });
}

const nowhere = "nothing says which queue of its service it came from";

async function decideAll(
  desk: Desk,
  sources: readonly Source[],
  filter: LetterFilter,
  options: ReplayOptions,
  done: string,
  act: (source: Source, item: Item) => Promise<void>,
): Promise<Decision> {
  const limit = wholeNumber("limit", filter.limit, Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER);
  const tally = tallying(filter);
  const matches = matcher(filter, desk.clock.now());
  for (const source of sources) {
    if (options.signal?.aborted === true || tally.done >= limit) break;
    try {
      const result = await decide(desk, source, {
        matches,
        limit: limit - tally.done,
        perSecond: options.perSecond,
        signal: options.signal,
        act: (item) => act(source, item),
        tell: (letter, failure) => {
          tally.tell(letter, failure);
          options.onProgress?.({ done: tally.done, stayed: tally.stayed.length });
        },
      });
      tally.unseen += result.unseen;
      if (source.name === names.unheard) tally.unheardAgain += result.returned;
    } catch (error) {
      throw tally.done === 0 ? error : partly(error, tally.done, done);
    }
  }
  return tally.decision();
}

function partly(error: unknown, done: number, what: string): Fault {
  const { code, message } = isFault(error)
    ? error
    : { code: "INTERNAL", message: String((error as Error).message) };
  const text = `${done} dead letters were ${what}, then: ${message}`;
  return new Fault(code, { done }, { message: text, cause: error });
}

/** Counts what would be done. */
async function counted(
  desk: Desk,
  sources: readonly Source[],
  filter: LetterFilter,
  signal: AbortSignal | undefined,
): Promise<Decision> {
  const tally = tallying(filter);
  const seen = await see(desk, sources, filter, signal, (letter) => {
    if (tally.done < (filter.limit ?? Number.POSITIVE_INFINITY)) tally.tell(letter, undefined);
    return false;
  });
  tally.unseen = seen.total - seen.looked;
  return tally.decision();
}

/** A replay that only asks whether the queues are there. */
async function rehearse(
  desk: Desk,
  sources: readonly Source[],
  filter: LetterFilter,
  signal: AbortSignal | undefined,
): Promise<Decision> {
  const meant: Told[] = [];
  const seen = await see(desk, sources, filter, signal, ({ id, service, reason, queue }) => {
    if (meant.length < (filter.limit ?? Number.POSITIVE_INFINITY)) meant.push({ id, service, reason, queue });
    return false;
  });
  const tally = tallying(filter);
  tally.unseen = seen.total - seen.looked;
  const there = new Map<string, boolean>();
  for (const letter of meant) {
    const { queue, service } = letter;
    if (queue !== undefined && service !== names.unheard && !there.has(queue))
      there.set(queue, await exists(desk.transport, queue));
    if (queue === undefined) tally.stay(letter, nowhere);
    else if (there.get(queue) === false) tally.stay(letter, gone(queue));
    else tally.tell(letter, undefined);
  }
  return tally.decision();
}

async function exists(transport: Transport, queue: string): Promise<boolean> {
  try {
    return (await transport.inspect(queue)) !== undefined;
  } catch (error) {
    // A queue of another connection must not be asked about; it takes messages all the same.
    if (isFault(error)) throw error;
    return true;
  }
}
