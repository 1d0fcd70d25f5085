import { Command } from "commander";
import { listDirectory } from "./directory/list.ts";
import { collect } from "./option-values.ts";

const examples = `
Examples:
  npx warren directory
      who is there: each instance with its version, contract, host and load
  npx warren directory --service orders
  npx warren directory --watch
      the same, and what changes, until Ctrl-C
  npx warren directory --json
      one JSON value per line, for other programs

A service of which two versions or two contracts run side by side is marked "!".
CONTRACT is the beginning of a hash: instances that share it mean the same. ID is
what a call names with "to". LOAD is handlers under way, and how busy the event
loop of the process is, as it was said last, at most three minutes ago.

Instances are asked over the RabbitMQ of AMQP_URL. Nothing is changed. Services on
an embedded broker are reached by their own process alone: there, app.directory()
gives the same answers.`;

/** `warren directory`: who is there? */
export function directoryCommand(): Command {
  return new Command("directory")
    .description("list who is there: services, their instances and versions")
    .option("--service <name>", "only this service (may be repeated)", collect)
    .option("--watch", "go on, and tell what changes: joined, leaving, left, lost")
    .option("--json", "one JSON value per line: instances, and with --watch changes")
    .addHelpText("after", examples)
    .action(listDirectory);
}
