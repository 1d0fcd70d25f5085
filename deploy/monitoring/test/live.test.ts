import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Asked, dashboardQueries, dashboardVariables, rules, selectorsOf } from "./kit-files.ts";
import { havePrometheus, type Prometheus, startPrometheus, withoutPrometheus } from "./prometheus-server.ts";
import { type System, startSystem } from "./system.ts";

// A Prometheus with the kit's own files reads a system that runs, and is asked whatever the kit asks.

const waitMs = 40_000;
let system: System | undefined;
let prometheus: Prometheus | undefined;

beforeAll(async () => {
  if (!(await havePrometheus())) return;
  const { kit } = await import("./kit-files.ts");
  system = await startSystem();
  prometheus = await startPrometheus(kit, system.targets);
}, 600_000);

afterAll(async () => {
  await prometheus?.stop();
  await system?.stop();
});

interface Answer {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

const ask = async (query: string): Promise<Answer[]> => (await prometheus!.ask("query", { query })).result;

/** Those that get no figure, or none with the labels that are to be shown. */
async function unanswered(all: readonly Asked[]): Promise<string[]> {
  const open = await Promise.all(
    all.map(async ({ where, expr, labels }) => {
      const answers = await ask(expr);
      const good = answers.filter(
        ({ metric, value }) =>
          Number.isFinite(Number(value[1])) && labels.every((label) => metric[label] !== undefined),
      );
      return good.length > 0 ? [] : [`${where}: ${expr} -> ${JSON.stringify(answers).slice(0, 200)}`];
    }),
  );
  return open.flat();
}

describe("a Prometheus that reads a running system", () => {
  test.beforeEach(({ skip }) => {
    if (prometheus === undefined) skip(withoutPrometheus);
  });

  test("has figures for every query of every dashboard", { timeout: 60_000 }, async () => {
    const all = dashboardQueries();
    expect(all.length).toBeGreaterThan(50);
    expect(all.filter(({ expr }) => expr.includes("$"))).toEqual([]);
    await vi.waitFor(async () => expect(await unanswered(all)).toEqual([]), {
      timeout: waitMs,
      interval: 500,
    });
  });

  test("has values for every variable of every dashboard", async () => {
    for (const { where, metric, label } of dashboardVariables()) {
      const values = await prometheus!.ask(`label/${label}/values`, { "match[]": metric });
      expect(values, where).not.toEqual([]);
    }
  });

  test("has what every alert and every recording rule is built from", { timeout: 60_000 }, async () => {
    const built = rules().map((rule) => ({ ...rule, selectors: selectorsOf(rule.expr) }));
    for (const { where, selectors } of built) expect(selectors, where).not.toEqual([]);
    const all = built.flatMap(({ where, selectors }) =>
      selectors.map((expr) => ({ where, expr, labels: [] })),
    );
    await vi.waitFor(async () => expect(await unanswered(all)).toEqual([]), {
      timeout: waitMs,
      interval: 500,
    });
  });

  test("can work out every rule, and says in words what it found", async () => {
    await vi.waitFor(async () => {
      const { groups } = await prometheus!.ask("rules");
      const evaluated = groups.flatMap((group: any) => group.rules);
      expect(evaluated).toHaveLength(rules().length);
      for (const rule of evaluated) expect(rule).toMatchObject({ health: "ok" });
      const firing = evaluated.find(({ name }: any) => name === "WarrenDeadLettersGrowing").alerts;
      expect(firing[0]).toMatchObject({
        state: "firing",
        labels: { service: "mail", queue: "mail.dead", severity: "warning" },
        annotations: {
          summary: "mail gives messages up",
          action:
            "npx warren dead-letters list --service mail groups them by cause. Mend the cause, then replay them.",
        },
      });
    });
  });

  test("reads what it is given without a complaint, from every process", async () => {
    await vi.waitFor(async () => {
      const { activeTargets } = await prometheus!.ask("targets");
      expect(activeTargets.map(({ labels }: any) => labels.instance).sort()).toEqual(
        [...system!.targets].sort(),
      );
      for (const target of activeTargets) expect(target).toMatchObject({ health: "up", lastError: "" });
    });
    expect(prometheus!.complaints()).toBe("");
  });

  test("sees that a process was killed", async () => {
    const [mail] = system!.targets;
    system!.kill(mail!);
    await vi.waitFor(async () => {
      const { alerts } = await prometheus!.ask("alerts");
      const names = alerts.map(
        ({ labels }: any) => `${labels.alertname} ${labels.instance ?? labels.service}`,
      );
      expect(names).toContain(`WarrenInstanceDown ${mail}`);
      expect(names).toContain("WarrenServiceGone mail");
    });
  });
});
