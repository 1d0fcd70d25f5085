import type { Command } from "commander";

/** For the help of the program: what holds for all commands. */
export const exitCodes =
  "Exit codes: 0 done, 1 nothing found or something failed, 2 used wrongly, 130 interrupted.";

/** Makes a command, and all below it, name their help after a mistake in how they are used, and end with exit code 2. */
export function strictly(command: Command, path = "npx warren"): Command {
  command.showHelpAfterError(`(see "${path} --help")`);
  // Help that was asked for is no mistake.
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
  for (const each of command.commands) strictly(each, `${path} ${each.name()}`);
  return command;
}
