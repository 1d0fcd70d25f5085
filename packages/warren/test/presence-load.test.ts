import { type EventLoopUtilization, performance } from "node:perf_hooks";
import { afterEach, expect, it, vi } from "vitest";
import { types } from "../src/directory/messages.ts";
import { presence } from "../src/directory/presence.ts";
import {
  contract,
  type Incoming,
  type Outgoing,
  silent,
  systemClock,
  systemRandom,
  type Transport,
} from "../src/index.ts";

/** What the event loop has done since it began, in milliseconds; two readings give what is between them. */
function loop(): { idle: number; active: number } {
  const total = { idle: 0, active: 0 };
  const reading = (idle: number, active: number): EventLoopUtilization => ({
    ...{ idle, active },
    utilization: idle + active === 0 ? 0 : active / (idle + active),
  });
  vi.spyOn(performance, "eventLoopUtilization").mockImplementation((one, two) =>
    one === undefined
      ? reading(total.idle, total.active)
      : reading(one.idle - (two?.idle ?? 0), one.active - (two?.active ?? 0)),
  );
  return total;
}

afterEach(() => vi.restoreAllMocks());

it("says how busy the event loop is over a second at least: answering a question makes nobody look busy", () => {
  const sent: Outgoing[] = [];
  const transport = { send: (message: Outgoing) => sent.push(message) > 0, watch: () => () => {} };
  const told = presence({
    transport: transport as unknown as Transport,
    ...{ clock: systemClock, random: systemRandom, log: silent, instance: "one", version: undefined },
    contracts: [contract("shop", {})],
    active: () => 0,
  });
  const total = loop();
  const load = (): number => JSON.parse(Buffer.from(sent.at(-1)!.body).toString()).load.eventLoop;
  const question = { type: types.question, replyTo: "somebody" } as Incoming;
  total.idle = 900;
  total.active = 100;
  told.here();
  expect(load()).toBe(0.1);

  total.active += 2;
  told.heard(question);
  expect(load()).toBe(0.1);

  total.idle += 500;
  total.active += 498;
  told.heard(question);
  expect(load()).toBe(0.5);
  told.left();
});
