#!/usr/bin/env node
import { createRequire } from "node:module";
import { Command } from "commander";
import { brokerCommand } from "./broker.ts";

// By its name: sources and published files lie at different depths below their package.json.
const { version } = createRequire(import.meta.url)("warren/package.json") as { version: string };

const program = new Command("warren")
  .description("Typed contracts, calls and events over RabbitMQ that are not lost.")
  .version(version)
  .showHelpAfterError('(see "warren --help")')
  .addCommand(brokerCommand());

try {
  await program.parseAsync();
} catch (error) {
  // People read this; the way the program got there helps nobody but us, who can ask for it.
  const told = process.env.WARREN_DEBUG === undefined && error instanceof Error ? error.message : error;
  console.error(told);
  process.exitCode = 1;
}
