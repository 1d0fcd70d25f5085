import { type App, isFault } from "warren";
import { demoUser } from "./demo.ts";
import { market } from "./market/contract.ts";

/**
 * An item that can be bought, one of the demo user's where there is one left. `undefined` where there is none among the
 * newest, and where the market, which may run elsewhere, does not answer now: that is no reason not to start.
 */
export async function itemOnSale(app: App): Promise<number | undefined> {
  try {
    const items = await app.client(market).items({ limit: 100 }, { timeoutMs: 2_000, ifDown: "fail" });
    const unsold = items.filter(({ sold }) => !sold);
    return (unsold.find(({ seller }) => seller === demoUser) ?? unsold[0])?.id;
  } catch (error) {
    if (!isFault(error)) throw error;
    return undefined;
  }
}
