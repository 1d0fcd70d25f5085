import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { amqpUrl } from "../../test/amqp-url.ts";
import { mutants } from "./mutants/catalog.ts";
import { mutantArguments } from "./mutants/run.ts";
import { details } from "./report.ts";
import { catalog } from "./scenarios/catalog.ts";
import { type Ran, runScenario } from "./scenarios/run.ts";

// A few seconds of the fault suite with every run of the tests; `npm run faults` is all of it.

const limitMs = 60_000;
const seed = 20_261_121;

function run(name: string, mutant?: string): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), `warren-faults-${name}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const scenario = catalog.find((one) => one.name === name)!;
  return runScenario({
    // In so short a run there are few kills: each is to find much in hand.
    scenario: { ...scenario, load: { ...scenario.load, slowMs: 300 } },
    run: `t${crypto.randomUUID().slice(0, 8)}`,
    folder,
    urls: [amqpUrl()],
    nodes: undefined,
    seed,
    seconds: 3,
    patienceMs: mutant === undefined ? 20_000 : 3_000,
    ...mutantArguments(mutants.find((one) => one.name === mutant)),
  });
}

it.each(["worker-killed", "lines-cut"])(
  "nothing is lost and nothing unexpected happens in %s",
  async (name) => {
    const { verdict, complaints, entries } = await run(name);
    expect(verdict.acknowledged).toBeGreaterThan(200);
    expect(verdict.faults).toBeGreaterThan(0);
    expect(details({ scenario: name, verdict, complaints }, entries)).toBe("");
  },
  limitMs,
);

it(
  "a Warren that acknowledges before it handles is found out",
  async () => {
    const { verdict } = await run("worker-killed", "ack-before-handling");
    expect(verdict.acknowledged).toBeGreaterThan(200);
    expect(verdict.lost.length).toBeGreaterThan(0);
    expect(verdict.unexpected).toEqual([]);
  },
  limitMs,
);
