import { Command, Option } from "commander";
import { mapMermaid, mapOf, mapText } from "../index.ts";
import { answer } from "./answer.ts";
import { fileHelp, loadModule } from "./module.ts";

/** `warren map [file]`: who emits what, who reacts, who undoes what on which event, who calls whom. */
export function mapCommand(): Command {
  return new Command("map")
    .description("show who emits what, who reacts to what and undoes what, who calls whom; and warn")
    .argument("[file]", "the module that exports the services")
    .addOption(
      new Option("--format <format>", "as what").choices(["text", "mermaid", "json"]).default("text"),
    )
    .option("--json", "the same as --format json")
    .option("--strict", "exit code 1 where there are warnings")
    .addHelpText(
      "after",
      `${fileHelp}

Exported contracts count as services that run elsewhere, exported events as heard by
something beside services, such as a gateway that pushes them.

It warns of events that nobody takes or nobody emits, of reactions that change a
store and are not undone when a later one fails, and of cycles. Warnings are part
of the text; with the other formats they go to standard error, too.

  npx warren map src/services.ts
  npx warren map src/services.ts --format mermaid > services.mmd`,
    )
    .action(print);
}

interface MapFlags {
  readonly format: "text" | "mermaid" | "json";
  readonly json?: boolean;
  readonly strict?: boolean;
}

async function print(file: string | undefined, { format, json, strict }: MapFlags): Promise<void> {
  const { name, services, sagas, contracts, events } = await loadModule(file);
  if (services.length + sagas.length === 0)
    throw new Error(
      `${name} exports no service and no saga. See "npx warren map --help" for what is looked for.`,
    );
  const map = mapOf(services, { sagas, elsewhere: contracts, heard: events });
  const as = json === true ? "json" : format;
  if (strict === true && map.warnings.length > 0) process.exitCode = 1;
  if (as !== "text") for (const { message } of map.warnings) console.error(message);
  if (as === "json") await answer(`${JSON.stringify(map, null, 2)}\n`);
  else await answer(as === "mermaid" ? mapMermaid(map) : mapText(map));
}
