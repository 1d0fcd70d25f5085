import { expect, it } from "vitest";
import { silent } from "../log.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";
import type { DeathNotice } from "../retry/bury.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import { quarantine } from "./quarantine.ts";

it.each([
  [4, 7],
  ["x", 3],
  [1e308, 3],
  [-1, 3],
])("tells how often a condemned event came back, where its header says %s before", async (noted, times) => {
  const notices: DeathNotice[] = [];
  const { alone } = quarantine({
    service: "press",
    hear: () => "ack",
    move: async () => "ack",
    bury: async (_, notice) => {
      notices.push(notice);
      return "ack";
    },
    clock: virtualClock(),
    log: silent,
  });
  const message: Incoming = {
    exchange: "",
    key: "press.quarantine",
    body: Buffer.from("{}"),
    persistent: true,
    redelivered: true,
    returns: 3,
    headers: { [headers.suspected]: noted },
  };
  expect(await alone.handle(message)).toBe("ack");
  expect(String(notices[0]!.error)).toContain(`Came back ${times} times, the last 3 `);
});
