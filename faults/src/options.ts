/** What the user asked for. */
export interface Options {
  readonly action: "help" | "list" | "run" | "mutants";
  /** Names of scenarios; empty for all. */
  readonly scenarios: readonly string[];
  readonly seed: number;
  /** Instead of each scenario's own. */
  readonly seconds: number | undefined;
  /** Only scenarios for so many nodes. */
  readonly nodes: 1 | 3 | undefined;
  readonly json: boolean;
  readonly keep: boolean;
  readonly write: boolean;
}

export const usage = `npm run faults -- --all | --scenario <name> ... | --mutants | --list

  --all              every scenario but the long ones
  --scenario <name>  this one; may be repeated
  --mutants          Warren with one mistake at a time built in: each has to be found
  --list             the scenarios, one line each
  --help             this page

  --seed <n>         decides which faults happen when   (default: a new one)
  --seconds <n>      how long faults are injected, instead of each scenario's own time
  --nodes 1|3        only scenarios for one node, or for a cluster of three
  --json             print the verdicts as JSON instead of a table
  --keep             keep the histories and print their folder
  --write            put the table into docs/faults.md
`;

/** @throws UsageError, whose message says what is wrong with the arguments */
export function readOptions(
  args: readonly string[],
  known: readonly string[],
  newSeed: () => number,
): Options {
  const scenarios: string[] = [];
  const actions = new Set<Options["action"]>();
  let [seed, seconds, nodes] = [undefined, undefined, undefined] as (number | undefined)[];
  const flags = { json: false, keep: false, write: false };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--help" || arg === "-h") actions.add("help");
    else if (arg === "--all") actions.add("run");
    else if (arg === "--list") actions.add("list");
    else if (arg === "--mutants") actions.add("mutants");
    else if (arg === "--json" || arg === "--keep" || arg === "--write") flags[arg.slice(2) as "json"] = true;
    else if (arg === "--scenario") scenarios.push(scenarioName(rest.shift(), known));
    else if (arg === "--seed") seed = whole(arg, rest.shift(), 0, 2 ** 32 - 1);
    else if (arg === "--seconds") seconds = whole(arg, rest.shift(), 1, 86_400);
    else if (arg === "--nodes") nodes = nodeCount(rest.shift());
    else throw new UsageError(`There is no option "${arg}".`);
  }
  if (scenarios.length > 0 && actions.size > 0)
    throw new UsageError("--scenario goes with neither --all nor --mutants nor --list.");
  if (scenarios.length > 0) actions.add("run");
  if (actions.size !== 1) throw new UsageError("Say one of --all, --scenario, --mutants and --list.");
  return {
    action: [...actions][0]!,
    scenarios,
    seed: seed ?? newSeed(),
    seconds,
    nodes: nodes as 1 | 3 | undefined,
    ...flags,
  };
}

export class UsageError extends Error {}

function scenarioName(name: string | undefined, known: readonly string[]): string {
  if (name === undefined) throw new UsageError("--scenario needs a name.");
  if (!known.includes(name)) throw new UsageError(`There is no scenario "${name}"; see --list.`);
  return name;
}

function whole(option: string, text: string | undefined, least: number, most: number): number {
  const value = Number(text);
  if (text !== undefined && /^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`${option} needs a whole number from ${least} to ${most}, not "${text ?? ""}".`);
}

function nodeCount(text: string | undefined): 1 | 3 {
  if (text === "1" || text === "3") return Number(text) as 1 | 3;
  throw new UsageError(`--nodes is 1 or 3, not "${text ?? ""}".`);
}
