import { expect, test, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import type { Logger } from "../src/log.ts";
import type { Credentials } from "../src/rabbitmq/index.ts";
import { loginSource } from "../src/rabbitmq/login.ts";
import { virtualClock } from "../src/testing/index.ts";
import { fakeAmqpServer } from "./fake-amqp-server.ts";
import { durableQueue, message, proxied, transport } from "./rabbit.ts";

/** Everything that is logged, as text. */
function kept(): { log: Logger; all(): string } {
  const lines: string[] = [];
  const write = (data: object, text: string): void => {
    const { err } = data as { err?: Error };
    lines.push(`${text} ${JSON.stringify(data)} ${err?.stack ?? ""}`);
  };
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { log, all: () => lines.join("\n") };
}

test("the provider is asked once for both connections, and again before the next attempt", async () => {
  const { proxy, url } = await proxied();
  let asked = 0;
  const credentials = async (): Promise<Credentials> => {
    asked++;
    return { username: "guest", password: "guest" };
  };
  const from = new URL(url);
  from.username = "nobody";
  from.password = "unused";
  const own = transport({ url: from.href, credentials });
  const queue = await durableQueue(own);
  expect(asked).toBe(1);
  const lost = new Promise((resolve) => own.watch(resolve));
  proxy.cut();
  await lost;
  await own.publish(message(queue));
  expect(asked).toBeGreaterThan(1);
});

test("a login that is refused is asked for again, and no secret is logged or told", async () => {
  const { log, all } = kept();
  const given = ["wrong-secret-1", "wrong-secret-2", "guest"];
  const credentials = (): Credentials => ({ username: "guest", password: given.shift() ?? "guest" });
  const own = transport({ url: amqpUrl(), credentials, log });
  await own.declare({});
  expect(given).toEqual([]);
  expect(all()).toContain("ACCESS_REFUSED");
  expect(all()).not.toContain("wrong-secret");
});

test("a provider that throws is asked again, and what it says is told without the secret that it quotes", async () => {
  const { log, all } = kept();
  const { proxy, url } = await proxied();
  let vault: "open" | "sealed" = "open";
  const credentials = (): Credentials => {
    if (vault === "sealed") throw new Error("the vault is sealed; last was guest");
    return { username: "guest", password: "guest", expiresInMs: 60_000 };
  };
  const refused = vi.fn(() => {
    throw new Error("no such role");
  });
  const never = transport({ url, credentials: refused, log, connectTimeoutMs: 300 });
  await expect(never.declare({})).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("no credentials: no such role"),
  });
  expect(refused.mock.calls.length).toBeGreaterThan(1);

  const own = transport({ url, credentials, log });
  await own.declare({});
  vault = "sealed";
  const lost = new Promise((resolve) => own.watch(resolve));
  proxy.cut();
  await lost;
  // The answer is good for a minute: nobody is asked.
  await vi.waitFor(() => expect(own.state).toEqual({ publishing: true, consuming: true }), 5_000);
  expect(all()).not.toContain("last was guest");
});

test("before they expire the new password is sent on both connections, and on those that follow", async () => {
  const server = await fakeAmqpServer();
  const { log, all } = kept();
  let n = 0;
  const credentials = (): Credentials => ({
    username: "app",
    password: `secret-${++n}`,
    expiresInMs: n === 1 ? 400 : 60_000,
  });
  const own = transport({ url: server.url, credentials, log });
  void own.publish(message("queue")).catch(() => {});
  await vi.waitFor(() => expect(server.received).toBe(1));
  expect(server.logins).toEqual(["app:secret-1", "app:secret-1"]);
  await vi.waitFor(() => expect(server.secrets).toEqual(["secret-2", "secret-2"]));
  expect(own.state).toEqual({ publishing: true, consuming: true });
  expect(server.logins).toHaveLength(2);
  expect(all()).not.toContain("secret-");
});

test("a broker that does not take a new password is connected to anew with it, and so is one for another user", async () => {
  for (const way of ["refused", "other user"] as const) {
    const server = await fakeAmqpServer();
    const { log, all } = kept();
    if (way === "refused") server.onSecret("refuse");
    let n = 0;
    const credentials = (): Credentials => ({
      username: way === "refused" ? "app" : `app${n + 1}`,
      password: `secret-${++n}`,
      expiresInMs: n === 1 ? 300 : 60_000,
    });
    const own = transport({ url: server.url, credentials, log });
    void own.publish(message("queue")).catch(() => {});
    await vi.waitFor(() => expect(server.logins).toHaveLength(4), 3_000);
    const user = way === "refused" ? "app" : "app2";
    expect(server.logins.slice(2)).toEqual([`${user}:secret-2`, `${user}:secret-2`]);
    await vi.waitFor(() => expect(own.state).toEqual({ publishing: true, consuming: true }));
    expect(all()).not.toContain("secret-");
  }
});

test("a provider that fails while it is asked for the next password is asked again, and its words show no secret", async () => {
  const server = await fakeAmqpServer();
  const { log, all } = kept();
  let n = 0;
  const credentials = (): Credentials => {
    n++;
    if (n === 2) throw new Error("cannot renew secret-1");
    return { username: "app", password: `secret-${n}`, expiresInMs: n === 1 ? 200 : 60_000 };
  };
  const own = transport({ url: server.url, credentials, log });
  void own.publish(message("queue")).catch(() => {});
  await vi.waitFor(() => expect(server.secrets).toEqual(["secret-3", "secret-3"]), 3_000);
  expect(all()).toContain("cannot renew ***");
  expect(all()).not.toContain("secret-");
});

test("credentials that are as good as expired when they come do not have the provider asked all the time", async () => {
  const clock = virtualClock();
  const asked = vi.fn(() => ({ username: "app", password: "p", expiresInMs: 1 }));
  const source = loginSource(asked, clock, () => 0);
  await source.current();
  await clock.advance(10_000);
  expect(asked.mock.calls.length).toBeGreaterThan(10);
  expect(asked.mock.calls.length).toBeLessThan(110);
  source.stop();
});
