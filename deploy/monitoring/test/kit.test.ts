import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { systemFaults } from "../../../packages/warren/src/fault.ts";
import { dashboardFiles } from "../src/files.ts";
import { filesOf, kit, rules, selectorsOf } from "./kit-files.ts";
import { havePrometheus, withoutPrometheus } from "./prometheus-server.ts";

const alerts = rules().filter(({ alert }) => alert !== undefined);
const unitTests = filesOf("prometheus/tests", ".yml").flatMap(({ text }) => parse(text).tests);

describe("what Prometheus is given", () => {
  let isThere = false;
  beforeAll(async () => {
    isThere = await havePrometheus();
  }, 600_000);

  test.for([
    ["check", "config", "prometheus/prometheus.yml"],
    ["check", "rules", ...filesOf("prometheus/rules", ".yml").map(({ path }) => path)],
    ["test", "rules", ...filesOf("prometheus/tests", ".yml").map(({ path }) => path)],
  ])("passes promtool %s %s", { timeout: 60_000 }, async (args, { skip }) => {
    if (!isThere) skip(withoutPrometheus);
    const { stdout } = await promisify(execFile)("promtool", args, { cwd: kit });
    expect(stdout).toContain("SUCCESS");
    expect(stdout).not.toMatch(/FAILED|WARNING/);
  });
});

describe("each alert", () => {
  const checksOf = (name: string): { eval_time: string; exp_samples: { labels: string }[] }[] =>
    unitTests
      .flatMap(({ promql_expr_test }: any) => promql_expr_test)
      .filter(({ expr }: any) => expr === `ALERTS{alertname="${name}", alertstate="firing"}`);

  test.for(alerts.map((rule) => [rule.alert!, rule] as const))(
    "%s is shown to fire and not to fire",
    ([name]) => {
      const fires = checksOf(name).map(({ exp_samples }) => exp_samples.length > 0);
      expect([...new Set(fires)].sort()).toEqual([false, true]);
    },
  );

  test.for(alerts.map((rule) => [rule.alert!, rule] as const))(
    "%s says what happened, to what, and what to do",
    ([name, { annotations = {}, labels = {} }]) => {
      expect(Object.keys(annotations)).toEqual(["summary", "description", "action"]);
      expect(["critical", "warning"]).toContain(labels.severity);
      const had = checksOf(name).flatMap(({ exp_samples }) => exp_samples.map((sample) => sample.labels));
      const named = [
        ...Object.values(annotations)
          .join(" ")
          .matchAll(/\$labels\.(\w+)/g),
      ].map((match) => match[1]!);
      expect(named.length).toBeGreaterThan(0);
      for (const text of had) for (const label of named) expect(text).toContain(`${label}="`);
    },
  );

  test("stands in the README, and no other does", () => {
    const readme = filesOf(".", "README.md")[0]!.text;
    const named = [...readme.matchAll(/^\| `(Warren\w+)` \|/gm)].map((match) => match[1]);
    expect(new Set(named)).toEqual(new Set(alerts.map(({ alert }) => alert)));
  });

  test("has a name of its own", () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  test("that counts failures counts the faults of 500 and above that are not a process' own end", () => {
    const counted = /error_type=~"([^"]+)"/.exec(
      rules().find(({ record }) => record?.includes("process_errors"))!.expr,
    );
    const failures = Object.entries(systemFaults)
      .filter(([code, { status }]) => status >= 500 && code !== "STOPPED")
      .map(([code]) => code);
    expect(new Set(counted![1]!.split("|"))).toEqual(new Set(["_OTHER", ...failures]));
  });
});

describe("the dashboards", () => {
  test("are what their source says: node deploy/monitoring/src/write.ts", () => {
    const written = filesOf("grafana/dashboards", ".json").map(({ path, text }) => ({
      name: path.replace("grafana/dashboards/", ""),
      text,
    }));
    const named = (files: { name: string; text: string }[]) =>
      new Map(files.map(({ name, text }) => [name, text]));
    expect(named(written)).toEqual(named(dashboardFiles()));
  });

  test("have identities of their own, and every panel says what it shows", () => {
    const all = dashboardFiles().map(({ text }) => JSON.parse(text));
    expect(new Set(all.map(({ uid }) => uid)).size).toBe(all.length);
    for (const { panels } of all)
      for (const panel of panels) {
        expect(panel.title, JSON.stringify(panel)).toMatch(/./);
        expect(panel.description, panel.title).toMatch(/./);
        expect(panel.targets, panel.title).not.toEqual([]);
      }
  });

  test("the one of MicroServices.js has its six panels", () => {
    const { panels } = JSON.parse(dashboardFiles().find(({ name }) => name.includes("microservices"))!.text);
    expect(panels.map(({ title }: any) => title)).toEqual([
      ..."CPU usage,Memory usage,Messages received,Messages sent,Job processing time,Workers by type".split(
        ",",
      ),
    ]);
  });
});

describe("what containers are given", () => {
  const compose = parse(
    filesOf(".", "docker-compose.yml").find(({ path }) => path === "docker-compose.yml")!.text,
  );
  const services = Object.values<any>(compose.services);

  test("images have versions, ports are this machine's alone, and folders are there", () => {
    for (const { image, ports, volumes } of services) {
      expect(image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const volume of volumes as string[]) {
        const [source = ""] = volume.split(":");
        if (source.startsWith(".")) expect(existsSync(join(kit, source)), volume).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  test("no password stands in any file: there has to be one in the environment", () => {
    expect(compose.services.grafana.environment.GF_SECURITY_ADMIN_PASSWORD).toMatch(
      /^\$\{GRAFANA_PASSWORD:\?.+\}$/,
    );
    for (const { path, text } of filesOf(".", ".yml", ".json"))
      expect(text, path).not.toMatch(/password"?\s*[:=]\s*[^\s$…?]/i);
  });

  test("Grafana finds Prometheus and the dashboards where compose puts them", () => {
    const [datasource] = parse(filesOf("grafana/provisioning/datasources", ".yml")[0]!.text).datasources;
    const { hostname, port } = new URL(datasource.url);
    expect(compose.services[hostname].ports.join()).toContain(`:${port}`);
    const [provider] = parse(filesOf("grafana/provisioning/dashboards", ".yml")[0]!.text).providers;
    expect(compose.services.grafana.volumes).toContain(`./grafana/dashboards:${provider.options.path}:ro`);
  });
});

test("what an expression is built from is found", () => {
  expect(
    selectorsOf(
      'sum by (service, http_route) (rate(a_b{c=~"d_e.+"}[5m])) / on (f_g) x:y_z:max > 5 and up{j="w"} == 0',
    ),
  ).toEqual(['a_b{c=~"d_e.+"}', "x:y_z:max", 'up{j="w"}']);
});
