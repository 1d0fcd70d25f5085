import { cpus, totalmem } from "node:os";
import { quantile, type Verdict } from "./checker/verdict.ts";
import type { Entry } from "./history/entry.ts";

/** A run's line in the table. */
export interface Row {
  readonly scenario: string;
  readonly verdict: Verdict;
  readonly complaints: readonly string[];
}

type Column = readonly [title: string, cell: (row: Row) => string];

const columns: readonly Column[] = [
  ["scenario", ({ scenario }) => scenario],
  ["faults", ({ verdict }) => number(verdict.faults)],
  ["attempted", ({ verdict }) => number(verdict.attempted)],
  ["acknowledged", ({ verdict }) => number(verdict.acknowledged)],
  ["delivered", ({ verdict }) => number(verdict.delivered)],
  ["parked", ({ verdict }) => number(verdict.parked)],
  ["lost", ({ verdict }) => number(verdict.lost.length)],
  ["unexpected", ({ verdict }) => number(verdict.unexpected.length)],
  ["duplicated", ({ verdict }) => number(verdict.duplicated)],
  ["reordered", ({ verdict }) => number(verdict.reordered)],
  ["outage s", ({ verdict }) => (verdict.outageMs / 1_000).toFixed(1)],
  ["recovery p50 ms", ({ verdict }) => number(quantile(verdict.recoveriesMs, 0.5))],
  ["p99 ms", ({ verdict }) => number(quantile(verdict.recoveriesMs, 0.99))],
  ["publisher MiB", ({ verdict }) => number(verdict.publisherMib)],
  ["worker MiB", ({ verdict }) => number(verdict.workerMib)],
];

/** A Markdown table, aligned so that it reads well in a terminal too. */
export function table(rows: readonly Row[]): string {
  return markdown(
    columns.map(([title]) => title),
    rows.map((row) => columns.map(([, cell]) => cell(row))),
  );
}

/** The first column is text, the others are figures. */
export function markdown(titles: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = titles.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i]!.length)));
  const write = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |\n`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|\n`;
  return write(titles) + rule + lines.map(write).join("");
}

export function isGood({ verdict, complaints }: Row): boolean {
  return verdict.lost.length === 0 && verdict.unexpected.length === 0 && complaints.length === 0;
}

/** What the figures say together, and what they do not. */
export function summary(rows: readonly Row[]): string {
  const total = (figure: (verdict: Verdict) => number): number =>
    rows.reduce((sum, { verdict }) => sum + figure(verdict), 0);
  const acknowledged = total((verdict) => verdict.acknowledged);
  const lost = total((verdict) => verdict.lost.length);
  const bound = acknowledged > 0 ? (300 / acknowledged).toPrecision(2) : "100";
  const loss =
    lost === 0
      ? `0 lost: with a confidence of 95 % fewer than 3 in ${number(acknowledged)} (${bound} %) are`
      : `${number(lost)} LOST`;
  const calls = total((verdict) => verdict.calls);
  const failed = total((verdict) => verdict.callsFailed.length);
  const twice = total((verdict) => verdict.callsRunTwice.length);
  return [
    `${number(acknowledged)} messages acknowledged under ${number(total((verdict) => verdict.faults))} faults, ${loss}.`,
    `${number(total((verdict) => verdict.failed))} publishes were given up with a fault; ${number(total((verdict) => verdict.repeatedEffects))} effects were had again.`,
    ...(calls > 0 ? [`${number(calls)} calls: ${number(failed)} failed, ${number(twice)} ran twice.`] : []),
  ].join("\n");
}

const shownIds = 10;

/** The first of the lost and the unexpected with everything that was written about them. */
export function details({ scenario, verdict, complaints }: Row, entries: readonly Entry[]): string {
  const lines = complaints.map((complaint) => `${scenario}: ${complaint}`);
  for (const [what, ids] of [
    ["lost", verdict.lost],
    ["unexpected", verdict.unexpected],
    ["dragged into the dead letters", verdict.dragged],
  ] as const) {
    if (ids.length === 0) continue;
    lines.push(
      `${scenario}: ${ids.length} ${what}${ids.length > shownIds ? `, the first ${shownIds}` : ""}:`,
    );
    for (const id of ids.slice(0, shownIds)) lines.push(...story(id, entries));
  }
  return lines.map((line) => `${line}\n`).join("");
}

function story(id: string, entries: readonly Entry[]): string[] {
  const began = entries.reduce((first, { at }) => Math.min(first, at), Number.POSITIVE_INFINITY);
  return entries
    .filter((entry) => "id" in entry && entry.id === id)
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, ...entry }) => `  ${((at - began) / 1_000).toFixed(3)} s  ${JSON.stringify(entry)}`);
}

export function machine(): string {
  const [cpu] = cpus();
  return `Node ${process.versions.node}, ${cpus().length} × ${cpu?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

export function number(value: number | undefined): string {
  return value === undefined ? "" : value.toLocaleString("en");
}
