import { spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished, test, vi } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import { type HealthServer, serveHealth } from "../src/health/index.ts";
import { type App, app, silent } from "../src/index.ts";

async function served(): Promise<{ readonly made: App; readonly server: HealthServer }> {
  const made = app({ transport: embedded(), log: silent });
  onTestFinished(() => made.stop());
  return { made, server: await serveHealth(made, { port: 0 }) };
}

/** Sends bytes as they are, and gives what comes back until the server hangs up. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(bytes));
    socket.on("data", (data) => {
      said += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(said));
  });
}

it("answers probes from before the start to after the end, and then no more", async () => {
  const { made, server } = await served();
  const ask = async (path: string): Promise<[number, unknown]> => {
    const response = await fetch(`${server.url}/health/${path}`);
    return [response.status, await response.json()];
  };
  const unready = (reason: string): [number, unknown] => [
    503,
    {
      status: "unavailable",
      reason,
      checks: { app: { ok: false, reason }, transport: expect.anything() },
    },
  ];
  expect(await ask("live")).toEqual([200, { status: "ok", checks: {} }]);
  expect(await ask("ready")).toEqual(unready("the app is new"));
  await made.start();
  expect(await ask("ready")).toEqual([
    200,
    { status: "ok", checks: { app: { ok: true }, transport: { ok: true } } },
  ]);
  made.retire();
  expect(await ask("ready")).toEqual(unready("the app is about to stop"));
  expect((await ask("live"))[0]).toBe(200);
  await made.stop();
  await expect(fetch(`${server.url}/health/live`)).rejects.toThrow("fetch failed");
  await server.close();
});

it("goes on when a connection could not be taken", async () => {
  const { server } = await served();
  const serving = new Promise<Server>((resolve) => {
    const heard = (message: unknown): void => {
      unsubscribe(channel, heard);
      resolve((message as { readonly server: Server }).server);
    };
    const channel = "http.server.request.start";
    subscribe(channel, heard);
  });
  await fetch(`${server.url}/health/live`);
  // As Node.js tells it of a process that has no file descriptor left.
  for (let times = 0; times < 3; times++) (await serving).emit("error", new Error("accept EMFILE"));
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
});

it("tells nobody what hosts there are, and is not cached", async () => {
  const server = await serveHealth(
    {
      health: async () => ({
        ready: false,
        reason: "connect ECONNREFUSED rabbit.internal",
        checks: {
          transport: {
            ok: false,
            reason: "the broker is away",
            detail: "connect ECONNREFUSED rabbit.internal",
          },
        },
      }),
      onStopped: () => {},
    },
    { port: 0 },
  );
  onTestFinished(() => server.close());
  const response = await fetch(`${server.url}/health/ready`);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.text()).toBe(
    '{"status":"unavailable","reason":"transport: the broker is away","checks":{"transport":{"ok":false,"reason":"the broker is away"}}}',
  );
});

test.for([
  ["GET", "/health/ready?x=1", 503],
  ["HEAD", "/health/ready", 503],
  ["HEAD", "/health/live", 200],
  ["POST", "/health/live", 405],
  ["DELETE", "/health/ready", 405],
  ["GET", "/", 404],
  ["GET", "/health", 404],
  ["GET", "/health/live/", 404],
  ["GET", "//health/live", 404],
] as const)("%s %s is answered with %s", async ([method, path, status]) => {
  const { server } = await served();
  const response = await fetch(server.url + path, { method, ...(method === "POST" && { body: "x" }) });
  expect(response.status).toBe(status);
  expect(response.headers.get("allow")).toBe(status === 405 ? "GET, HEAD" : null);
  expect((await response.text()) === "").toBe(method === "HEAD");
});

it("says what is wrong with a port that it cannot have", async () => {
  const { made, server } = await served();
  await expect(serveHealth(made, { port: server.port })).rejects.toThrow(
    `serveHealth: port ${server.port} at 127.0.0.1: it is in use; choose another, or 0 for any`,
  );
  await expect(serveHealth(made, { port: 0, host: "192.0.2.1" })).rejects.toThrow(
    "no address of this machine",
  );
  await expect(serveHealth(made, { port: 70_000 })).rejects.toThrow("`port` is 70000");
});

it("does not work for those who do not ask like a probe", async () => {
  const { server } = await served();
  const { port } = server;
  const answers = await Promise.all([
    raw(port, `GET /health/live HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(20_000)}\r\n\r\n`),
    raw(port, "POST /health/live HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\nx"),
    raw(port, "this is no HTTP\r\n\r\n"),
    raw(port, "GET /health/live HTTP/1.1\r\nhost: a\r\nslow"),
  ]);
  expect(answers.map((answer) => /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])).toEqual([
    "431",
    "405",
    "400",
    "408",
  ]);
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
});

/** A process, what it says, and how to ask it. */
function process_(how: string) {
  const program = new URL("./fixtures/probed.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, how], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
  const port = async (): Promise<string> => {
    await vi.waitFor(() => expect(said.join()).toMatch(/port \d+/));
    return /port (\d+)/.exec(said.join())![1]!;
  };
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, said, port, ended };
}

async function probe(port: string, path: "live" | "ready", timeoutMs = 5_000): Promise<number> {
  const signal = AbortSignal.timeout(timeoutMs);
  return (await fetch(`http://127.0.0.1:${port}/health/${path}`, { signal })).status;
}

test.for(["drain", "retire", "retire briefly"])(
  "a process that was told to end is not ready at once, and lives (%s)",
  async (how) => {
    const { child, said, port: listening, ended } = process_(how);
    const port = await listening();
    expect(await probe(port, "ready")).toBe(200);
    child.kill("SIGTERM");
    await vi.waitFor(async () => expect(await probe(port, "ready")).toBe(503));
    expect(await probe(port, "live")).toBe(200);
    if (how === "retire") {
      // It goes on as before; a person does not wait for it.
      expect(said).not.toContain("first");
      child.stdin.write("release\n");
      await vi.waitFor(() => expect(said).toContain("done"));
      expect(await probe(port, "live")).toBe(200);
      return;
    }
    await vi.waitFor(() => expect(said).toContain("first"));
    child.stdin.write("release\n");
    expect(await ended).toBe(0);
    expect(said.at(-1)).toBe("done");
  },
);

it("a process whose loop is held up for a moment answers a patient probe afterwards", async () => {
  const { child, said, port: listening } = process_("drain");
  const port = await listening();
  child.stdin.write("block\n");
  await vi.waitFor(() => expect(said).toContain("blocking"));
  await expect(probe(port, "live", 200)).rejects.toThrow("timeout");
  expect(await probe(port, "live")).toBe(200);
  expect(await probe(port, "ready")).toBe(200);
});
