import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** Where the kit is. */
export const kit: string = join(import.meta.dirname, "..");

/** Every file of the kit below this folder that ends so, with its path in the kit. */
export function filesOf(folder: string, ...endings: string[]): { path: string; text: string }[] {
  return readdirSync(join(kit, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => join(folder, name))
    .map((path) => ({ path, text: readFileSync(join(kit, path), "utf8") }));
}

/** Something that is asked of Prometheus, with where it stands. */
export interface Asked {
  readonly where: string;
  /** As Prometheus gets it: without variables of Grafana. */
  readonly expr: string;
  /** Labels that its legend shows. */
  readonly labels: readonly string[];
}

/** Each query of each panel of each dashboard, wherever in a dashboard it stands. */
export function dashboardQueries(): Asked[] {
  return filesOf("grafana/dashboards", ".json").flatMap(({ path, text }) =>
    targetsIn(JSON.parse(text)).map(({ title, expr, legendFormat = "" }) => ({
      where: `${path}: ${title}`,
      expr: filledIn(expr),
      labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]!),
    })),
  );
}

interface Target {
  readonly title: string;
  readonly expr: string;
  readonly legendFormat?: string;
}

function targetsIn(node: unknown, title = ""): Target[] {
  if (typeof node !== "object" || node === null) return [];
  const { expr } = node as { expr?: unknown };
  if (typeof expr === "string") return [{ ...(node as Target), title }];
  const inside = "title" in node && typeof node.title === "string" ? node.title : title;
  return Object.values(node).flatMap((child) => targetsIn(child, inside));
}

/** What the variables of dashboards are filled from: a metric and its label. */
export function dashboardVariables(): { where: string; metric: string; label: string }[] {
  return filesOf("grafana/dashboards", ".json").flatMap(({ path, text }) =>
    JSON.parse(text)
      .templating.list.filter(({ type }: any) => type === "query")
      .map(({ name, query }: any) => {
        const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(query.query) ?? [];
        if (metric === undefined)
          throw new Error(`${path}: $${name} is filled in a way that is not known here.`);
        return { where: `${path}: $${name}`, metric, label };
      }),
  );
}

export interface Rule {
  readonly where: string;
  readonly expr: string;
  readonly alert?: string;
  readonly record?: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function rules(): Rule[] {
  return filesOf("prometheus/rules", ".yml", ".yaml").flatMap(({ path, text }) =>
    parse(text).groups.flatMap((group: any) =>
      group.rules.map((rule: any) => ({ ...rule, where: `${path}: ${rule.alert ?? rule.record}` })),
    ),
  );
}

/** What an expression is built from: each metric with what is asked of its labels. */
export function selectorsOf(expr: string): string[] {
  const found = expr.matchAll(
    /(?<![\w:"])([a-z][a-z0-9]*(?:[_:][\w:]+)+|up)(\{[^}]*\})?(?=[\s[)+*/<>=-]|$)/g,
  );
  // What stands in brackets behind these is labels.
  const labels = new Set(
    [...expr.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)].flatMap((match) =>
      match[1]!.split(/\s*,\s*/),
    ),
  );
  return [...found].filter((match) => !labels.has(match[1]!)).map((match) => match[0]);
}

/** Grafana's variables as a dashboard has them where nothing is chosen. */
function filledIn(expr: string): string {
  return expr
    .replaceAll("$__rate_interval", "10s")
    .replaceAll("$service", ".*")
    .replaceAll("$instance", ".*");
}
