import { expect } from "vitest";
import type { Logger, Transport } from "warren";
import { http } from "../../host/test/http.ts";
import { installation as anyInstallation, type Installation } from "../../host/test/installation.ts";
import type { As } from "../src/as.ts";
import type { Order } from "../src/orders/contract.ts";
import { friendlyPartners, type Partners } from "../src/partner.ts";
import { ordersSystem } from "../src/system.ts";

export { http };

export interface InstallationOptions {
  readonly as: As;
  /** One connection to the same broker each time. */
  readonly transport: () => Transport;
  readonly partners?: Partners;
  readonly databaseUrl?: string | undefined;
  readonly log?: Logger;
}

/** Databases that several compositions share, and the ends of all of them. */
export function installation(options: InstallationOptions): Installation {
  const { as, partners = friendlyPartners(), databaseUrl, ...more } = options;
  const systems = (dataDir: string) => [ordersSystem({ as, place: { dataDir, databaseUrl }, partners })];
  return anyInstallation({ systems, ...more });
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
