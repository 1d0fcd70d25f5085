import type { DeadLetter, LetterGroup, Seen } from "../../index.ts";
import { type FilterOptions, filterOf } from "./filter.ts";
import { ago, asJson, jsonText } from "./letter-text.ts";
import { inSession } from "./session.ts";
import { cut, lineWidth, oneLine, table } from "./table.ts";

interface ListOptions extends FilterOptions {
  readonly group?: boolean;
  readonly json?: boolean;
}

export function list(options: ListOptions): Promise<void> {
  return inSession(async ({ letters, signal }) => {
    const filter = filterOf(options);
    if (options.group === true) {
      const { groups, ...seen } = await letters.groups(filter, { signal });
      if (options.json === true) for (const group of groups) console.log(jsonText(group));
      else printGroups(groups, seen);
      return groups.length > 0;
    }
    const { letters: found, ...seen } = await letters.list(filter, { signal });
    if (options.json === true) for (const letter of found) console.log(jsonText(await asJson(letter)));
    else printLetters(found, seen);
    return found.length > 0;
  });
}

function printLetters(letters: readonly DeadLetter[], seen: Seen): void {
  if (letters.length > 0) {
    const columns = [
      { title: "ID" },
      { title: "AGE", right: true },
      { title: "SERVICE", least: 6 },
      { title: "EVENT", least: 8 },
      { title: "REASON" },
      { title: "ERROR", least: 24 },
    ];
    const rows = letters.map((letter) => [
      letter.id,
      ago(letter.failedAt),
      letter.service,
      letter.type ?? "",
      letter.reason,
      letter.error ?? "",
    ]);
    for (const line of table(columns, rows, lineWidth())) console.log(line);
    console.log("");
  }
  const shown =
    letters.length < seen.matched
      ? `The first ${letters.length.toLocaleString("en")} of ${counted(seen.matched)}, service by service, the oldest first.\n`
      : `${counted(seen.matched)}.`;
  const more = letters.length < seen.matched ? "More with --limit, causes with --group." : "";
  console.log(`${letters.length === 0 ? nothing(seen) : shown}${more}${unseen(seen)}`);
}

function printGroups(groups: readonly LetterGroup[], seen: Seen): void {
  if (groups.length > 0) {
    const columns = [
      { title: "COUNT", right: true },
      { title: "FIRST", right: true },
      { title: "LAST", right: true },
      { title: "SERVICE", least: 6 },
      { title: "EVENT", least: 8 },
      { title: "REASON" },
      { title: "EXAMPLE" },
    ];
    const rows = groups.map((group) => [
      group.count.toLocaleString("en"),
      ago(group.first),
      ago(group.last),
      group.services.join(","),
      group.type ?? "",
      group.reason,
      group.example,
    ]);
    const [heading, ...lines] = table(columns, rows, lineWidth());
    console.log(heading);
    for (const [index, line] of lines.entries()) {
      console.log(line);
      // What tells one cause from another gets a line of its own.
      const { error } = groups[index]!;
      if (error !== undefined) console.log(cut(`       ${oneLine(error)}`, lineWidth()));
    }
    console.log("");
  }
  const causes = `${groups.length} ${groups.length === 1 ? "cause" : "causes"}, ${counted(seen.matched)}.`;
  console.log(`${groups.length === 0 ? nothing(seen) : causes}${unseen(seen)}`);
}

export function counted(count: number): string {
  return `${count.toLocaleString("en")} dead ${count === 1 ? "letter" : "letters"}`;
}

function nothing({ looked }: Seen): string {
  return looked === 0 ? "No dead letters." : `None of ${counted(looked)} matches.`;
}

function unseen({ looked, total }: Seen): string {
  if (looked >= total) return "";
  return ` Looked at ${looked.toLocaleString("en")} of ${total.toLocaleString("en")}, the oldest.`;
}
