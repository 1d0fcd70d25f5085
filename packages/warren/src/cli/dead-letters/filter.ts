import { type Command, InvalidArgumentError } from "commander";
import type { LetterFilter } from "../../index.ts";
import { collect, parseTime } from "../option-values.ts";
import { meanings } from "./show.ts";

/** The options that choose letters, as commander hands them over. */
export interface FilterOptions {
  readonly service?: readonly string[];
  readonly event?: readonly string[];
  readonly reason?: readonly string[];
  readonly error?: string;
  readonly olderThan?: number;
  readonly newerThan?: number;
  readonly limit?: number;
}

export function withFilter(command: Command): Command {
  return command
    .option("--service <name>", "letters of this service (may be repeated; default: all)", collect)
    .option("--event <type>", "of this event or method, such as orders.placed (may be repeated)", collect)
    .option(
      "--reason <reason>",
      "failed, invalid, undecodable, unknown, crashed, … (may be repeated)",
      collectReason,
    )
    .option("--error <text>", "whose error contains this text")
    .option("--older-than <time>", "given up longer ago than that: 90s, 30m, 2h, 7d, 4w", parseTime)
    .option("--newer-than <time>", "given up no longer ago than that", parseTime);
}

export function filterOf(options: FilterOptions, ids: readonly string[] = []): LetterFilter {
  return {
    services: options.service,
    types: options.event,
    reasons: options.reason,
    error: options.error,
    olderThanMs: options.olderThan,
    newerThanMs: options.newerThan,
    limit: options.limit,
    ids: ids.length === 0 ? undefined : ids,
  };
}

/** Whether anything is chosen at all. */
export function isChosen({ limit: _, ...filter }: LetterFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

/** A mistyped one would match nothing, which reads like good news. */
function collectReason(value: string, earlier?: readonly string[]): string[] {
  if (!Object.hasOwn(meanings, value))
    throw new InvalidArgumentError(`The reasons are ${Object.keys(meanings).join(", ")}.`);
  return collect(value, earlier);
}
