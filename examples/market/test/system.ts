import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silent, type Transport } from "warren";
import { issueToken } from "../src/accounts/tokens.ts";
import { type Composition, compose, partNames } from "../src/compose.ts";

/** A data folder and a secret that several compositions share, and the ends of all of them. */
export interface Installation extends AsyncDisposable {
  readonly dataDir: string;
  readonly secret: string;
  /** Runs some parts, on a connection of their own. */
  run(names?: readonly string[]): Promise<Running>;
  token(name: string): Promise<string>;
}

export interface Running {
  readonly composition: Composition;
  /** Where the gateway listens; empty without one. */
  readonly url: string;
  stop(): Promise<void>;
}

export function installation(transport: () => Transport): Installation {
  const dataDir = mkdtempSync(join(tmpdir(), "market-test-"));
  const secret = randomBytes(32).toString("hex");
  const running = new Set<Running>();
  return {
    dataDir,
    secret,
    token: (name) => issueToken(name, secret),
    async run(names = partNames) {
      const composition = await compose({ names, transport: transport(), dataDir, secret, log: silent });
      await composition.start();
      const url = (await composition.server?.listen({ host: "127.0.0.1", port: 0 })) ?? "";
      const one: Running = {
        composition,
        url,
        async stop() {
          running.delete(one);
          await composition.stop();
        },
      };
      running.add(one);
      return one;
    },
    async [Symbol.asyncDispose]() {
      for (const one of [...running].reverse()) await one.stop();
      rmSync(dataDir, { recursive: true });
    },
  };
}

/** A name that no earlier test has used: a broker that was given to the tests may still know it. */
export function newName(): string {
  return `u${randomBytes(6).toString("hex")}`;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

/** One HTTP request. `json` becomes the body; a string is sent as it is. */
export async function http(
  method: string,
  url: string,
  { json, token, type }: { json?: unknown; token?: string | undefined; type?: string } = {},
): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (json !== undefined) headers["content-type"] = type ?? "application/json";
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const body = json === undefined ? null : typeof json === "string" ? json : JSON.stringify(json);
  const response = await fetch(url, { method, headers, body });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

/** Offers an item as the bearer of `token`. */
export async function offer(
  url: string,
  token: string,
  title = "Kite",
): Promise<{ id: number; seller: string }> {
  const { status, body } = await http("POST", `${url}/market/items`, {
    token,
    json: { title, priceCents: 900 },
  });
  if (status !== 201) throw new Error(`offering answered ${status}: ${JSON.stringify(body)}`);
  return body;
}
