import { Command } from "commander";
import { discard, replay } from "./dead-letters/decide.ts";
import { edit } from "./dead-letters/edit.ts";
import { exportLetters } from "./dead-letters/export.ts";
import { withFilter } from "./dead-letters/filter.ts";
import { list } from "./dead-letters/list.ts";
import { show } from "./dead-letters/show.ts";
import { collect, parseCount, parseRate } from "./option-values.ts";

const examples = `
Examples:
  npx warren dead-letters list --group
      what failed, by cause
  npx warren dead-letters list --service orders --newer-than 1d
  npx warren dead-letters show <id>
      one letter: why it was given up, its stack, headers and body
  npx warren dead-letters edit <id> --replay
      mend its body in your editor, then replay it
  npx warren dead-letters replay --error "mail server" --dry-run
  npx warren dead-letters replay --service orders --rate 20
  npx warren dead-letters discard --reason undecodable --older-than 30d
  npx warren dead-letters export --to letters.jsonl

The broker is that of AMQP_URL, or the embedded one with its data in the folder
WARREN_DATA. Looking takes nothing away. A replayed letter goes to the queue
that it failed in and to no other, and leaves the dead letters when the broker
has confirmed it there.`;

const ofServices = `
warren.unrouted and warren.unheard are looked through like services: retries
whose queue was deleted, and the latest events that nobody subscribed to.`;

const allServices = `
--all means the letters of all services, or of those that --service names. It
leaves out what no service gave up: warren.unheard, events that nobody
subscribed to, and warren.unrouted, retries whose queue was deleted. An id, a
filter or --service warren.unheard reaches those.`;

/** `warren dead-letters list|show|edit|replay|discard|export`: what services gave up. */
export function deadLettersCommand(): Command {
  const letters = new Command("dead-letters").description(
    "look at what services gave up, mend it, replay it",
  );

  addLooks(letters);
  addEdit(letters);
  addDecisions(letters);
  addExport(letters);
  letters.addHelpText("after", examples);
  return letters;
}

function addLooks(letters: Command): void {
  withFilter(letters.command("list"))
    .description("list letters, the oldest of each service first, or their causes")
    .option("--limit <number>", "how many letters to print", parseCount, 100)
    .option("--group", "the causes instead of the letters: how many, since when, an example")
    .option("--json", "one JSON value per line")
    .addHelpText("after", ofServices)
    .action(list);

  letters
    .command("show")
    .description("print all there is to know about a letter")
    .argument("<id>")
    .option("--service <name>", "look only there (may be repeated)", collect)
    .option("--json", "as JSON")
    .action(show);
}

function addEdit(letters: Command): void {
  letters
    .command("edit")
    .description("change the body of a letter, in $VISUAL or $EDITOR unless it is given")
    .argument("<id>")
    .option("--service <name>", "look only there (may be repeated)", collect)
    .option("--body <text>", 'the new body; "-" reads it from standard input')
    .option("--body-file <path>", "the new body, from a file")
    .option("--replay", "replay it at once")
    .option("--dry-run", "change nothing, say what would be changed")
    .addHelpText("after", "\nThe changed letter moves behind the others of its service and keeps its id.")
    .action(edit);
}

function addDecisions(letters: Command): void {
  withFilter(letters.command("replay"))
    .description("send letters to the queue they failed in, as if they were new")
    .argument("[ids...]", "the letters, unless options choose them")
    .option("--all", "all letters of services (see below)")
    .option("--limit <number>", "how many letters at the most, the oldest first", parseCount)
    .option(
      "--rate <number>",
      "how many a second at the most (default: as fast as the broker takes them)",
      parseRate,
    )
    .option("--dry-run", "send nothing, say what would be sent where")
    .addHelpText("after", allServices)
    .action(replay);

  withFilter(letters.command("discard"))
    .description("delete letters for good")
    .argument("[ids...]", "the letters, unless options choose them")
    .option("--all", "all letters of services (see below)")
    .option("--limit <number>", "how many letters at the most, the oldest first", parseCount)
    .option("--dry-run", "delete nothing, say what would be deleted")
    .option("--yes", "do not ask; --all wants it where there is no terminal")
    .addHelpText(
      "after",
      `${allServices}
On a terminal it says what it is about to delete and asks, where it is more than
one letter. What is deleted cannot be brought back.`,
    )
    .action(discard);
}

function addExport(letters: Command): void {
  withFilter(letters.command("export"))
    .description("write letters as lines of JSON; they stay where they are, and there is no import")
    .option("--limit <number>", "how many letters at the most", parseCount)
    .option("--to <file>", "write to this new file (default: standard output)")
    .addHelpText("after", "\nA copy for people and other tools: no command puts exported letters back.")
    .action(exportLetters);
}
