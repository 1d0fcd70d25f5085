import { cpus, totalmem } from "node:os";

export interface Row {
  readonly what: string;
  readonly warren: number;
  readonly twin?: number;
  /** The median of Warren's figure by its twin's, round by round. */
  readonly ratio?: number;
  readonly spread: readonly [number, number];
  /** What is to be reached. */
  readonly bar: string;
}

/** Warren and its twin, side by side. */
export function table(rows: readonly Row[]): string {
  return grid([
    ["", "Warren", "(min to max)", "bare amqplib", "ratio", "to reach"],
    ...rows.map((row) => [
      row.what,
      figure(row.warren),
      `${figure(row.spread[0])} to ${figure(row.spread[1])}`,
      figure(row.twin),
      figure(row.ratio),
      row.bar,
    ]),
  ]);
}

/** A Markdown table, aligned so that it reads well in a terminal too. The first line is its head. */
export function grid(cells: readonly (readonly string[])[]): string {
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const line = (columns: readonly string[]): string =>
    `| ${columns.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |\n`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|\n`;
  return line(cells[0]!) + rule + cells.slice(1).map(line).join("");
}

export function figure(value: number | undefined): string {
  if (value === undefined) return "";
  // Of nothing that was measured there is no median; JSON has no other word for it than null.
  if (!Number.isFinite(value)) return "none";
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

export function machine(): string {
  const [cpu] = cpus();
  return `Node ${process.versions.node}, ${cpus().length} × ${cpu?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}
