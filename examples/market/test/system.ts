import { randomBytes } from "node:crypto";
import { silent, type Transport } from "warren";
import { http } from "../../host/test/http.ts";
import {
  type Installation as AnyInstallation,
  installation as anyInstallation,
} from "../../host/test/installation.ts";
import { issueToken } from "../src/accounts/tokens.ts";
import { marketSystem } from "../src/system.ts";

export { http };

/** A data folder and a secret that several compositions share. */
export interface Installation extends AnyInstallation {
  token(name: string): Promise<string>;
}

export function installation(transport: () => Transport): Installation {
  const secret = randomBytes(32).toString("hex");
  const systems = (dataDir: string) => [marketSystem({ dataDir, secret: () => secret })];
  const shared = anyInstallation({ systems, transport, log: silent });
  return { ...shared, token: (name) => issueToken(name, secret) };
}

/** A name that no earlier test has used: a broker that was given to the tests may still know it. */
export function newName(): string {
  return `u${randomBytes(6).toString("hex")}`;
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
