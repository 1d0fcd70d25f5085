import { Command } from "commander";
import { type AnyContract, asyncApi, type Service } from "../index.ts";
import { answer } from "./answer.ts";
import { fileHelp, type LoadedModule, loadModule, packageAround } from "./module.ts";

/** `warren docs asyncapi|openapi [file]`: documents from contracts. */
export function docsCommand(): Command {
  const docs = new Command("docs").description(
    "write AsyncAPI or OpenAPI documents of services and contracts",
  );

  withCommon(docs.command("asyncapi"))
    .description("what services receive, reply and send over RabbitMQ: AsyncAPI 3.0, as JSON")
    .option("--service <name>", "only this one: the document of one application")
    .option("--url <url>", "address of the broker, without user and password in the document")
    .addHelpText(
      "after",
      `${fileHelp}\n\nA service says also what it listens to; a contract alone, what it offers and announces.`,
    )
    .action(printAsyncApi);

  withCommon(docs.command("openapi"))
    .description("what a gateway offers over HTTP: OpenAPI 3.1, as JSON")
    .option("--prefix <path>", "what all paths start with")
    .option("--session-cookie <name>", "the name of the session cookie, where there is one")
    .option("--session-identifies", "a session may stand in for a token")
    .addHelpText(
      "after",
      `${fileHelp}\n\nWith the options of your gateway it is the document that it serves as /openapi.json.`,
    )
    .action(printOpenApi);

  return docs;
}

function withCommon(command: Command): Command {
  return command
    .argument("[file]", "the module that exports the services or contracts")
    .option("--title <text>", "title of the document (default: name in package.json)")
    .option("--api-version <text>", "version in the document (default: version in package.json)")
    .option("--out <file>", "write to this file (default: standard output)");
}

interface CommonFlags {
  readonly title?: string;
  readonly apiVersion?: string;
  readonly out?: string;
}

async function printAsyncApi(
  file: string | undefined,
  flags: CommonFlags & { readonly service?: string; readonly url?: string },
): Promise<void> {
  const loaded = await loadModule(file);
  const all = [...loaded.services, ...contractsOf(loaded)];
  const of = flags.service === undefined ? all : all.filter((one) => nameOf(one) === flags.service);
  if (of.length === 0)
    throw new Error(
      `${loaded.name} has no "${flags.service}". It has: ${[...new Set(all.map(nameOf))].sort().join(", ")}.`,
    );
  const title = flags.title ?? flags.service ?? packageAround(loaded.path).name;
  const { version } = titles(flags, loaded);
  await answer(text(asyncApi(of, { title, version, url: flags.url })), flags.out);
}

async function printOpenApi(
  file: string | undefined,
  flags: CommonFlags & {
    readonly prefix?: string;
    readonly sessionCookie?: string;
    readonly sessionIdentifies?: boolean;
  },
): Promise<void> {
  const loaded = await loadModule(file);
  const contracts = contractsOf(loaded);
  // Not the whole gateway, which would need its peers to be installed.
  const { openApi } = await import("../gateway/openapi/document.ts");
  const { prefix, sessionCookie, sessionIdentifies } = flags;
  const document = openApi(contracts, { ...titles(flags, loaded), prefix, sessionCookie, sessionIdentifies });
  if (Object.keys(document.paths).length === 0)
    console.error(`No method in ${loaded.name} has a route: say "http" in its contract.`);
  await answer(text(document), flags.out);
}

function titles({ title, apiVersion }: CommonFlags, { path }: LoadedModule) {
  const { name, version } = packageAround(path);
  return { title: title ?? name, version: apiVersion ?? version };
}

/** Of services and by themselves, each once. @throws Error where there is none */
function contractsOf({ name, services, contracts }: LoadedModule): AnyContract[] {
  const all = [...services.map(({ contract }) => contract), ...contracts];
  if (all.length === 0)
    throw new Error(
      `${name} exports no service and no contract. See "npx warren docs asyncapi --help" for what is looked for.`,
    );
  return [...new Map(all.map((contract) => [contract.name as string, contract])).values()];
}

function nameOf(one: Service | AnyContract): string {
  return one.kind === "service" ? one.contract.name : one.name;
}

function text(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
