import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Outgoing } from "warren";
import { embedded } from "warren/embedded";
import { openAccounts } from "../src/accounts/accounts.ts";
import { passwords } from "../src/accounts/passwords.ts";
import { tokenSecret } from "../src/accounts/secret.ts";
import { intercepted } from "./intercepted.ts";
import { http, installation, offer } from "./system.ts";

const password = "correct horse battery";

describe("accounts", () => {
  test("who signs up gets a token to sell with, and another one for each login", async () => {
    await using system = installation(() => embedded());
    const { url } = await system.run();
    const signedUp = await http("POST", `${url}/accounts`, { json: { name: "ann", password } });
    expect(signedUp).toMatchObject({ status: 201, body: { name: "ann", token: expect.any(String) } });
    expect(signedUp.headers.get("cache-control")).toBe("no-store");
    expect(await offer(url, signedUp.body.token)).toMatchObject({ seller: "ann" });
    const loggedIn = await http("POST", `${url}/accounts/login`, { json: { name: "ann", password } });
    expect(await offer(url, loggedIn.body.token)).toMatchObject({ seller: "ann" });
  });

  test("a wrong password and a name nobody has get the same answer", async () => {
    await using system = installation(() => embedded());
    const { url } = await system.run();
    await http("POST", `${url}/accounts`, { json: { name: "ann", password } });
    const answers = [
      await http("POST", `${url}/accounts/login`, { json: { name: "ann", password: `${password}!` } }),
      await http("POST", `${url}/accounts/login`, { json: { name: "bob", password } }),
      await http("POST", `${url}/accounts/login`, { json: { name: "demo", password } }),
    ];
    const told = answers.map(({ status, body: { instance: _, ...rest } }) => ({ status, ...rest }));
    expect(told[0]).toMatchObject({ status: 401, detail: "The name or the password is wrong." });
    expect(told).toEqual([told[0], told[0], told[0]]);
  });

  test.each([
    ["a name that is taken", { name: "ann", password }, 409],
    ["the demo user's name", { name: "demo", password }, 409],
    ["a short password", { name: "bob", password: "short" }, 422],
    ["a name with spaces", { name: "b ob", password }, 422],
    ["no password", { name: "bob" }, 422],
    ["an array", [1], 422],
    ["invalid JSON", "{", 400],
  ])("signing up with %s is refused", async (_what, json, status) => {
    await using system = installation(() => embedded());
    const { url } = await system.run();
    await http("POST", `${url}/accounts`, { json: { name: "ann", password } });
    const answer = await http("POST", `${url}/accounts`, { json });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(JSON.stringify(answer.body)).not.toContain(password);
  });

  test("a password is in no message and in no file", async () => {
    const bytes: string[] = [];
    const record = (message: Outgoing): void => {
      bytes.push(JSON.stringify({ ...message, body: Buffer.from(message.body).toString("utf8") }));
    };
    const recording = () => {
      const inner = embedded();
      return intercepted(inner, {
        send(message, returned) {
          record(message);
          return inner.send(message, returned);
        },
        publish(message) {
          record(message);
          return inner.publish(message);
        },
      });
    };
    await using system = installation(recording);
    const { url } = await system.run();
    const { body } = await http("POST", `${url}/accounts`, { json: { name: "ann", password } });
    await http("POST", `${url}/accounts/login`, { json: { name: "ann", password } });
    const { id } = await offer(url, body.token);
    await http("POST", `${url}/market/buy/${id}`);
    expect(bytes.join()).toContain("market.sold");
    expect(bytes.join()).not.toContain(password);
    expect(bytes.join()).not.toContain("argon2");
    const stored = ["", "-wal"].map((end) =>
      readFileSync(join(system.dataDir, `accounts.db${end}`), "latin1"),
    );
    expect(stored.join()).toContain("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(stored.join()).not.toContain(password);
  });

  test("the same password is stored differently for everybody", async () => {
    const hashing = passwords();
    const [one, two] = [await hashing.hash(password), await hashing.hash(password)];
    expect(one).not.toBe(two);
    expect(await hashing.matches(password, one)).toBe(true);
    expect(await hashing.matches(`${password} `, one)).toBe(false);
    expect(await hashing.matches(password, undefined)).toBe(false);
  });

  test("a flood of logins is turned away instead of piling up", async () => {
    await using system = installation(() => embedded());
    const accounts = openAccounts(system.dataDir, passwords());
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, () => accounts.logIn("ann", password)),
    );
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBe(100 - 32);
    expect(refused[0]).toMatchObject({ reason: { code: "OVERLOADED" } });
    await accounts.close();
  });

  test("the secret is made once, and only its owner can read it", async () => {
    await using system = installation(() => embedded());
    const secret = tokenSecret(system.dataDir);
    expect(secret).toHaveLength(64);
    expect(tokenSecret(system.dataDir)).toBe(secret);
    expect(statSync(join(system.dataDir, "jwt-secret")).mode & 0o777).toBe(0o600);
  });
});
