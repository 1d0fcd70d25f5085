import { Command, Option } from "commander";
import { conversationStates } from "../index.ts";
import { list } from "./conversations/list.ts";
import { show } from "./conversations/show.ts";
import { parseCount, parseTime } from "./option-values.ts";

const examples = `
Examples:
  npx warren conversations list --state stuck
      what waits for a person
  npx warren conversations list --service orders --since 1h
  npx warren conversations show <id>
      one conversation: what was done, undone, is waited for, since when

A conversation is all that one request or event caused; its id is in the logs and
headers (warren-conversation) of all its messages, and in "dead-letters show".
One running instance of each service is asked over the RabbitMQ of AMQP_URL, and
the dead letters are looked through. What services without a store did is not
noted anywhere. Nothing is changed.

Services on an embedded broker are reached by their own process alone: there,
conversations(transport) of "warren" gives the same answers.`;

/** `warren conversations list|show`: where is it? */
export function conversationsCommand(): Command {
  const all = new Command("conversations").description("say where conversations are: done, undone, waiting");
  all
    .command("list")
    .description("list conversations, the one that changed last first")
    .addOption(new Option("--state <state>", "only those that are so").choices([...conversationStates]))
    .option("--service <name>", "in which this service has a part")
    .option(
      "--since <time>",
      "that changed no longer ago than that: 90s, 30m, 2h, 7d, 4w (default: 7d)",
      parseTime,
    )
    .option("--limit <number>", "how many to print", parseCount, 50)
    .option("--json", "one JSON value per line")
    .action(list);
  all
    .command("show")
    .description("print all that is known of a conversation, in the order of time")
    .argument("<id>")
    .option("--data", "also what messages, results and dead letters hold, which may be private")
    .option("--json", "as JSON")
    .action(show);
  all.addHelpText("after", examples);
  return all;
}
