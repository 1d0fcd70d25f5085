import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test, vi } from "vitest";
import { http } from "./http.ts";
import { program } from "./program.ts";

vi.setConfig({ testTimeout: 60_000 });
const folder = mkdtempSync(join(tmpdir(), "examples-all-"));
afterAll(() => rmSync(folder, { recursive: true }));
const start = (args: string[] = [], env: Record<string, string> = {}) =>
  program("main.ts", args, { DATA_DIR: folder, PORT: "0", ...env });

/** The commands of a text as a script: those that end by themselves, each with its status on stderr. */
function scriptOf(hints: string): string {
  const lines = hints
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !/^#|\/push|npm start|^rm |^http/.test(line));
  return `curl() { command curl -m 20 -o >(cat) -w '%{stderr}%{http_code}\\n' "$@"; }\n${lines.join("\n")}\n`;
}

test("npm start serves market, orders and movies behind one gateway, and every command that it prints works", async () => {
  await using started = start();
  const url = await started.ready();
  await vi.waitFor(() => expect(started.said.stdout).toContain("# What happened is kept in"));
  const script = scriptOf(started.said.stdout.slice(started.said.stdout.indexOf("\n")));
  const { stderr } = await promisify(execFile)("bash", ["-c", script]);
  const codes = stderr.match(/^\d{3}$/gm);
  expect(codes).toEqual(
    ["200", "200", "200", "201", "201"].concat(
      ["200", "200", "200", "200", "200", "200", "200", "400"],
      ["201", "200", "201", "201", "422"],
    ),
  );

  const { paths } = (await http("GET", `${url}/openapi.json`)).body;
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining([
      "/market/items",
      "/notifications",
      "/order",
      "/letters",
      "/movies",
      "/movies/{id}",
    ]),
  );
  started.signal("SIGTERM");
  expect(await started.ended).toBe(0);
  expect(started.said.stderr).toBe("");
});

test("METRICS_PORT serves what Prometheus reads, of the gateway, the services and their stores", async () => {
  await using started = start([], { METRICS_PORT: "0" });
  const url = await started.ready();
  await http("POST", `${url}/movies`, { json: { title: "Playtime" } });
  await vi.waitFor(() => expect(started.said.stdout).toContain("Metrics are at"));
  const metricsUrl = /Metrics are at (\S+)/.exec(started.said.stdout)![1]!;
  await vi.waitFor(async () => {
    const text = await (await fetch(metricsUrl)).text();
    expect(text).toMatch(/^http_server_request_duration_seconds_count\{.*http_route="\/movies".* 1$/m);
    expect(text).toMatch(/^warren_instances\{.*service="db",version="0\.1\.0".* 1$/m);
    expect(text).toMatch(/^warren_outbox_entries\{store="orders"\} /m);
  });
  const taken = new URL(metricsUrl).port;
  await using second = start([], { METRICS_PORT: taken, DATA_DIR: join(folder, "second") });
  expect(await second.ended).toBe(1);
  expect(second.said.stderr).toContain(`Port ${taken} on 127.0.0.1 is in use`);
  expect(second.said.stderr).toContain("set METRICS_PORT to another one");
  started.signal("SIGTERM");
  expect(await started.ended).toBe(0);
});

test("the start page says what can be tried, as text and as a page, and nothing secret", async () => {
  await using started = start();
  const url = await started.ready();
  const text = await http("GET", `${url}/`);
  const page = await http("GET", `${url}/`, { headers: { accept: "text/html,*/*" } });
  expect(text.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  for (const { status, body } of [text, page]) {
    expect(status).toBe(200);
    for (const title of ["Market", "Orders", "Movies"]) expect(body).toContain(`## ${title}\n`);
    expect(body).toContain(`curl ${url}/market/items`);
    expect(body).not.toMatch(/eyJ|examples-all-/);
  }
  expect(page.body).toContain('<a href="/docs">');
  expect((await http("GET", `${url}/docs`)).status).toBe(200);
});

test("--only takes parts of any of them, and says which there are", async () => {
  await using started = start(["--only", "pilot,clock"], { AMQP_URL: "amqp://127.0.0.1:1" });
  expect(await started.ended).toBe(2);
  expect(started.said.stderr).toBe(
    '--only: there is no "clock". There are: market, notifications, orders, inventory, stock, shipping, letters, pilot, db, gateway.\n',
  );
});

test("starts again after a kill with what it had", async () => {
  const env = { DATA_DIR: join(folder, "killed") };
  let id = "";
  {
    await using started = start([], env);
    const url = await started.ready();
    ({ id } = (await http("POST", `${url}/movies/`, { json: { title: "Playtime" } })).body);
    started.signal("SIGKILL");
    await started.ended;
  }
  await using again = start([], env);
  const url = await again.ready();
  expect((await http("GET", `${url}/movies/`)).body.movies).toMatchObject([{ id }]);
});
