import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type Logger, silent, type Transport } from "warren";
import type { As } from "../src/as.ts";
import { compose, partNames } from "../src/compose.ts";
import type { Order } from "../src/orders/contract.ts";
import { friendlyPartners, type Partners } from "../src/partner.ts";

export interface InstallationOptions {
  readonly as: As;
  /** One connection to the same broker each time. */
  readonly transport: () => Transport;
  readonly partners?: Partners;
  readonly databaseUrl?: string | undefined;
  readonly log?: Logger;
}

/** Databases that several compositions share, and the ends of all of them. */
export interface Installation extends AsyncDisposable {
  readonly dataDir: string;
  /** Runs some parts, on a connection of their own. */
  run(names?: readonly string[]): Promise<Running>;
}

export interface Running {
  /** Where the gateway listens; empty without one. */
  readonly url: string;
  stop(): Promise<void>;
}

export function installation(options: InstallationOptions): Installation {
  const { as, transport, partners = friendlyPartners(), databaseUrl, log = silent } = options;
  const dataDir = mkdtempSync(join(tmpdir(), "orders-test-"));
  const running = new Set<Running>();
  return {
    dataDir,
    async run(names = partNames) {
      const place = { dataDir, databaseUrl };
      const { app, server } = await compose({ as, names, transport: transport(), place, partners, log });
      await app.start();
      const url = (await server?.listen({ host: "127.0.0.1", port: 0 })) ?? "";
      const one: Running = {
        url,
        async stop() {
          running.delete(one);
          await server?.close();
          await app.stop();
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

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any;
}

/** One HTTP request. `json` becomes the body; a string is sent as it is. */
export async function http(
  method: string,
  url: string,
  { json, type = "application/json" }: { readonly json?: unknown; readonly type?: string } = {},
): Promise<Answer> {
  const headers = json === undefined ? {} : { "content-type": type };
  const body = json === undefined ? null : typeof json === "string" ? json : JSON.stringify(json);
  const response = await fetch(url, { method, headers, body });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

/** The seed's four fields, and nothing else. */
export const aLamp = { date: "2017-11-20", type: "online", desc: "A lamp", status: "open" } as const;

/** Orders something, and gives the id. */
export async function order(
  url: string,
  more: { readonly sku?: string; readonly quantity?: number } = {},
): Promise<string> {
  const { status, body } = await http("POST", `${url}/order`, { json: { ...aLamp, ...more } });
  if (status !== 200) throw new Error(`ordering answered ${status}: ${JSON.stringify(body)}`);
  return body.data.id;
}

/** Waits until an order has come to an end, and gives it. */
export async function settled(url: string, id: string): Promise<Order> {
  let found: Order | undefined;
  await expect
    .poll(
      async () => {
        found = (await http("GET", `${url}/order/${id}`)).body.data;
        return found?.progress;
      },
      { timeout: 30_000, interval: 20 },
    )
    .toMatch(/shipped|cancelled|recorded/);
  return found!;
}

export async function get(url: string, path: string): Promise<any> {
  return (await http("GET", `${url}${path}`)).body;
}
