import type { FastifyInstance } from "fastify";
import type { App } from "warren";
import { openAccounts } from "../accounts/accounts.ts";
import { passwords } from "../accounts/passwords.ts";
import { marketGateway } from "./gateway.ts";

export interface OpenGateway {
  readonly server: FastifyInstance;
  readonly close: () => Promise<void>;
}

/** The gateway for `app`, with its accounts in `dataDir`. Tokens are signed and checked with `secret`. */
export async function openGateway(app: App, dataDir: string, secret: string): Promise<OpenGateway> {
  await using opened = new AsyncDisposableStack();
  const accounts = openAccounts(dataDir, passwords());
  opened.defer(accounts.close);
  const server = await marketGateway(app, accounts, secret);
  opened.defer(() => server.close());
  const all = opened.move();
  return { server, close: () => all.disposeAsync() };
}
