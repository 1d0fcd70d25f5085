import { randomUUID } from "node:crypto";
import { delay, systemClock } from "warren";

/** What is ordered: mostly lamps, some desks from the depot until it is empty, and what never works out. */
const mix = [...Array.from({ length: 16 }, () => "lamp"), ...["desk", "desk", "piano", "clock"]] as const;

export interface LoadOptions {
  readonly orders: number;
  /** How many wait for an answer at once. */
  readonly atOnce: number;
  readonly url: () => Promise<string>;
  readonly random: () => number;
}

/**
 * Places so many orders, each until it is answered: under one key, however many gateways and services die meanwhile.
 * @returns their ids, in the order of the answers
 */
export async function place({ orders, atOnce, url, random }: LoadOptions): Promise<string[]> {
  const ids: string[] = [];
  let begun = 0;
  const one = async (): Promise<void> => {
    while (begun < orders) {
      begun++;
      const sku = mix[Math.floor(random() * mix.length)]!;
      ids.push(await placed(url, { sku, quantity: 1 + Math.floor(random() * 3) }));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return ids;
}

async function placed(
  url: LoadOptions["url"],
  line: { readonly sku: string; readonly quantity: number },
): Promise<string> {
  const body = JSON.stringify({
    date: "2026-07-01",
    type: "online",
    desc: "survival",
    status: "open",
    ...line,
  });
  const headers = { "content-type": "application/json", "idempotency-key": randomUUID() };
  for (;;) {
    try {
      const answer = await fetch(`${await url()}/order`, { method: "POST", headers, body });
      if (answer.status === 200) return ((await answer.json()) as { data: { id: string } }).data.id;
      if (answer.status < 500 && answer.status !== 409 && answer.status !== 429)
        throw new TypeError(`An order was answered with ${answer.status}: ${await answer.text()}`);
    } catch (error) {
      // `fetch` says so where nobody listens, and our own complaint has to get out.
      if (error instanceof TypeError && error.message.startsWith("An order")) throw error;
    }
    await delay(systemClock, 50);
  }
}
