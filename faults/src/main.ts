import { brokers } from "./brokers.ts";
import { mutants } from "./mutants/catalog.ts";
import { type Hunt, hunt, huntTable } from "./mutants/run.ts";
import { one } from "./one.ts";
import { type Options, readOptions, UsageError, usage } from "./options.ts";
import { writeToPage } from "./page.ts";
import { details, isGood, machine, number, type Row, summary, table } from "./report.ts";
import { catalog } from "./scenarios/catalog.ts";
import type { Scenario } from "./scenarios/scenario.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function list(): void {
  const width = Math.max(...catalog.map(({ name }) => name.length));
  for (const { name, about, nodes, group } of catalog)
    process.stdout.write(
      `${name.padEnd(width)}  ${about} (group ${group}, ${nodes === 1 ? "1 node" : "3 nodes"})\n`,
    );
}

function chosen({ scenarios, nodes }: Options): readonly Scenario[] {
  return catalog.filter(
    (scenario) =>
      (scenarios.length === 0 ? scenario.long !== true : scenarios.includes(scenario.name)) &&
      (nodes === undefined || scenario.nodes === nodes),
  );
}

async function run(options: Options): Promise<boolean> {
  const wanted = chosen(options);
  if (wanted.length === 0)
    throw new UsageError("No scenario fits: see --list for how many nodes each needs.");
  const own = brokers(say);
  const rows: Row[] = [];
  let version = "";
  const began = performance.now();
  try {
    for (const scenario of wanted) {
      const nodes = await own.have(scenario.nodes);
      version = nodes.version;
      const began = performance.now();
      const result = await one({ ...options, scenario, nodes });
      rows.push(result);
      const took = ((performance.now() - began) / 1_000).toFixed(0);
      const { acknowledged, lost } = result.verdict;
      say(`${scenario.name}: ${number(acknowledged)} acknowledged, ${lost.length} lost, ${took} s`);
      if (!isGood(result)) say(details(result, result.entries));
      if (options.keep) say(`  ${result.folder}`);
    }
  } finally {
    await own.stop();
  }
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  const about = `Seed ${options.seed}, RabbitMQ ${version}, ${machine()}; ${minutes} minutes.`;
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ seed: options.seed, version, rows: rows.map(plain) }, null, 2)}\n`,
    );
  else process.stdout.write(`\n${table(rows)}\n${summary(rows)}\n${about}\n`);
  if (options.write) writeToPage("results", `${about}\n\n${table(rows)}\n${summary(rows)}`);
  return rows.every(isGood);
}

/** Every mutant must lose something, or break an order, and be caught at it. */
async function runMutants(options: Options): Promise<boolean> {
  const own = brokers(say);
  const hunts: Hunt[] = [];
  try {
    for (const mutant of mutants) {
      const found = await hunt(mutant, { ...options, brokers: own });
      hunts.push(found);
      say(
        `${mutant.name}: ${number(found.lost)} of ${number(found.acknowledged)} lost, ${number(found.early)} out of order`,
      );
    }
  } finally {
    await own.stop();
  }
  const about = `Seed ${options.seed}. A mutant that neither loses nor reorders anything was not found.`;
  process.stdout.write(`\n${huntTable(hunts)}\n${about}\n`);
  if (options.write) writeToPage("mutants", `${about}\n\n${huntTable(hunts)}`);
  return hunts.every(({ lost, early }) => lost + early > 0);
}

function plain({ scenario, verdict, complaints }: Row): object {
  return { scenario, complaints, ...verdict };
}

try {
  const options = readOptions(
    process.argv.slice(2),
    catalog.map(({ name }) => name),
    () => Math.floor(Math.random() * 2 ** 32),
  );
  if (options.action === "help") process.stdout.write(usage);
  else if (options.action === "list") list();
  else if (!(await (options.action === "mutants" ? runMutants : run)(options))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
