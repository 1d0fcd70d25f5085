#!/usr/bin/env node
import { createRequire } from "node:module";
import { inspect } from "node:util";
import { Command } from "commander";
import { brokerCommand } from "./broker.ts";
import { conversationsCommand } from "./conversations.ts";
import { databaseCommand } from "./database.ts";
import { deadLettersCommand } from "./dead-letters.ts";
import { directoryCommand } from "./directory.ts";
import { docsCommand } from "./docs.ts";
import { mapCommand } from "./map.ts";
import { exitCodes, strictly } from "./usage.ts";

// By its name: sources and published files lie at different depths below their package.json.
const { version } = createRequire(import.meta.url)("warren/package.json") as { version: string };

// Named as it is typed where it is installed in a project: help and complaints can be copied.
const program = new Command("npx warren")
  .description("Typed contracts, calls and events over RabbitMQ that are not lost.")
  .version(version)
  .addCommand(brokerCommand())
  .addCommand(conversationsCommand())
  .addCommand(databaseCommand())
  .addCommand(deadLettersCommand())
  .addCommand(directoryCommand())
  .addCommand(docsCommand())
  .addCommand(mapCommand())
  .addHelpText(
    "after",
    `
Examples:
  npx warren broker up        start a private RabbitMQ for this folder, and print its AMQP_URL
  npx warren broker status    say whether it runs, and where
  npx warren broker down      stop it; its data stays
  npx warren database up      the same for a private PostgreSQL, and its DATABASE_URL

  npx warren directory --watch              who is there, in which version, and what changes

  npx warren dead-letters list --group      what services gave up, by cause
  npx warren dead-letters --help            how to look at it, mend it and replay it

  npx warren conversations list --state stuck   what waits for a person, and what for
  npx warren conversations show <id>            where one is: done, undone, waited for, since when

  npx warren map src/services.ts            who emits, reacts, undoes and calls, from the code
  npx warren docs asyncapi src/services.ts  AsyncAPI 3.0 of it, and openapi for what is offered over HTTP`,
  )
  .addHelpText("afterAll", `\n${exitCodes}`);
strictly(program);

// Who reads the output, such as "head", may have seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  // People read this; the way the program got there helps nobody but us, who can ask for it.
  const told = process.env.WARREN_DEBUG === undefined && error instanceof Error ? error.message : error;
  const text = typeof told === "string" ? told : inspect(told);
  // Whatever a module of the user's has left open, such as a timer, must not keep the process.
  process.stderr.write(`${text}\n`, () => process.exit(1));
}
