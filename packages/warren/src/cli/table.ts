import { stripVTControlCharacters } from "node:util";

export interface Column {
  readonly title: string;
  /** It gives way where the terminal is narrow, and is cut to this width at the least; the others are printed in full. */
  readonly least?: number;
  readonly right?: boolean;
}

/** How wide lines may be; without a terminal there is no limit, so that other programs get everything. */
export function lineWidth(): number {
  const { columns } = process.stdout;
  if (process.stdout.isTTY && columns > 0) return Math.max(60, columns);
  return Number(process.env.COLUMNS) || Number.POSITIVE_INFINITY;
}

/** Lines that fit into `width`; the widest of those that may be cut is cut first. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(oneLine))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index]!))));
  shrink(columns, widths, width - 2 * (columns.length - 1));
  return lines.map((line) =>
    line
      .map((cell, index) => fitted(cell, widths[index]!, columns[index]!.right === true))
      .join("  ")
      .trimEnd(),
  );
}

/** Only where the columns that give are not enough the others are cut as well. */
function shrink(columns: readonly Column[], widths: number[], room: number): void {
  const least = columns.map((column, index) => column.least ?? widths[index]!);
  const none = columns.map(() => 1);
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over--) {
    const index = widest(widths, least) ?? widest(widths, none);
    if (index === undefined) return;
    widths[index]!--;
  }
}

function widest(widths: readonly number[], least: readonly number[]): number | undefined {
  const wider = [...widths.keys()].filter((index) => widths[index]! > least[index]!);
  return wider.toSorted((a, b) => widths[b]! - widths[a]!)[0];
}

function fitted(text: string, width: number, right: boolean): string {
  const cell = cut(text, width);
  const space = " ".repeat(Math.max(0, width - widthOf(cell)));
  return right ? space + cell : cell + space;
}

/** The beginning of a text, with an ellipsis where it is cut. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let used = 1;
  for (const character of text) {
    used += cells(character);
    if (used > width) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Messages are other people's: what they hold must not move the cursor or ring the bell. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, " ").trim();
}

/** Several lines, without anything that a terminal would obey. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[^\P{C}\n\t]/gu, "�");
}

function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += cells(character);
  return width;
}

function cells(character: string): number {
  if (character < "\u0300") return 1;
  if (/\p{M}/u.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
