import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { program as anyProgram, type Program } from "../../host/test/program.ts";
import { listen, soldText } from "./listener.ts";
import { http, newName } from "./system.ts";

const folder = mkdtempSync(join(tmpdir(), "market-program-"));
afterAll(() => rmSync(folder, { recursive: true }));
const env = { DATA_DIR: folder, PORT: "0" };
const program = (args: string[], settings: Record<string, string>): Program =>
  anyProgram("market/src/main.ts", args, settings);

/** The token that is printed for copying. */
function printedToken({ said }: Program): string {
  return /TOKEN=(\S+)/.exec(said.stdout)?.[1] ?? "";
}

describe("npm start -w examples/market", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "serves, prints a token that works, and %s ends it with code 0 while a client is connected",
    async (signal) => {
      await using started = program([], env);
      const url = await started.ready();
      const token = await waitFor(() => printedToken(started));
      using told = await listen(url, { token });
      const { body } = await http("POST", `${url}/market/items`, {
        token,
        json: { title: "Kite", priceCents: 1 },
      });
      await http("POST", `${url}/market/buy/${body.id}`);
      expect(await told.next()).toBe(soldText(body.id));
      started.signal(signal);
      expect(await told.closed).toBe(1001);
      expect(await started.ended).toBe(0);
      expect(started.said.stderr).toBe("");
      // SQLite removes its journals when a database is closed.
      expect(readdirSync(folder).sort()).toEqual([
        "accounts.db",
        "broker.db",
        "jwt-secret",
        "market.db",
        "notifications.db",
      ]);
    },
  );

  test("says in one line that its port is in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await using started = program([], { ...env, PORT: String(port) });
    expect(await started.ended).toBe(1);
    expect(started.said.stderr).toBe(
      `The market could not start: port ${port} is in use. Choose another: PORT=${port + 1} npm start -w examples/market\n`,
    );
    server.close();
  });

  test.each(["192.0.2.1", "nowhere.invalid"])(
    "says in one line that HOST %s is not this machine",
    async (host) => {
      await using started = program([], { ...env, HOST: host });
      expect(await started.ended).toBe(1);
      expect(started.said.stderr).toBe(
        `The market could not start: HOST ${host} is no address of this machine. Choose 127.0.0.1 for this machine only, or 0.0.0.0 for all: HOST=0.0.0.0 npm start -w examples/market\n`,
      );
    },
  );

  test("names an item that can be bought, also when it starts again after a sale", async () => {
    const again = { ...env, DATA_DIR: join(folder, "again") };
    const printedId = async (started: Program): Promise<string> =>
      waitFor(() => /market\/buy\/(\d+)\n/.exec(started.said.stdout)?.[1] ?? "");
    const ids: string[] = [];
    for (let run = 0; run < 2; run++) {
      await using started = program([], again);
      const url = await started.ready();
      const id = await printedId(started);
      ids.push(id);
      expect((await http("POST", `${url}/market/buy/${id}`)).body).toEqual({ ok: true });
      started.signal("SIGTERM");
      expect(await started.ended).toBe(0);
    }
    expect(ids[0]).not.toBe(ids[1]);
    rmSync(again.DATA_DIR, { recursive: true });
  });

  test("killed in the middle of sales it tells each seller after all, once it is started again", async () => {
    const killed = { ...env, DATA_DIR: join(folder, "killed") };
    const json = { name: newName(), password: "correct horse battery" };
    const answered: number[] = [];
    let token = "";
    {
      await using started = program([], killed);
      const url = await started.ready();
      ({ token } = (await http("POST", `${url}/accounts`, { json })).body);
      const offer = { token, json: { title: "Kite", priceCents: 900 } };
      const ids = await Promise.all(
        Array.from(
          { length: 40 },
          async () => (await http("POST", `${url}/market/items`, offer)).body.id as number,
        ),
      );
      const buy = async (id: number): Promise<void> => {
        const { status } = await http("POST", `${url}/market/buy/${id}`);
        if (status === 200 && answered.push(id) === 20) started.signal("SIGKILL");
      };
      await Promise.allSettled(ids.map(buy));
      await started.ended;
    }
    expect(answered.length).toBeGreaterThanOrEqual(20);
    await using again = program([], killed);
    const url = await again.ready();
    await expect
      .poll(async () => {
        const { body } = await http("GET", `${url}/notifications?limit=100`, { token });
        const texts = JSON.stringify(body);
        return answered.filter((id) => !texts.includes(`Item #${id} was sold!`));
      })
      .toEqual([]);
    again.signal("SIGTERM");
    expect(await again.ended).toBe(0);
    rmSync(killed.DATA_DIR, { recursive: true });
  });

  test("says in one line that its data folder cannot be one", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await using started = program([], { ...env, DATA_DIR: file });
    expect(await started.ended).toBe(1);
    expect(started.said.stderr).toMatch(/^The market could not start: .*file.*\n$/);
  });

  test("ends with code 2 and the names there are when --only names another", async () => {
    await using started = program(["--only", "marked"], { ...env, AMQP_URL: "amqp://127.0.0.1:1" });
    expect(await started.ended).toBe(2);
    expect(started.said.stderr).toContain("There are: market, notifications, gateway.");
  });

  test("says what it takes with --help", async () => {
    await using started = program(["--help"], env);
    expect(await started.ended).toBe(0);
    expect(started.said.stdout).toContain("AMQP_URL");
  });
});

/** Resolves with the first true value; the test's own time limit ends the wait. */
async function waitFor<T>(look: () => T): Promise<T> {
  for (;;) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
