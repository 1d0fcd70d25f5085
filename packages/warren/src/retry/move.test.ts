import { describe, expect, it } from "vitest";
import { embedded } from "../embedded/index.ts";
import { Fault } from "../fault.ts";
import { silent } from "../log.ts";
import type { Incoming, Outgoing } from "../message.ts";
import { virtualClock } from "../testing/virtual-clock.ts";
import type { Transport } from "../transport.ts";
import { type Destination, mover } from "./move.ts";

const message: Incoming = {
  exchange: "warren.events",
  key: "shop.sold",
  body: Buffer.from("{}"),
  persistent: true,
  redelivered: false,
  returns: 0,
  messageId: "m-1",
  expirationMs: 50,
};
const there: Destination = {
  exchange: "",
  key: "there",
  headers: { a: 1 },
  topology: { queues: [{ name: "there", type: "quorum", lifetime: "durable" }] },
};

/** A transport whose publishes end as they are told, one after the other, and then well. */
function failing(...codes: string[]) {
  const clock = virtualClock();
  const published: Outgoing[] = [];
  const declared: unknown[] = [];
  const transport: Transport = {
    ...embedded({ clock }),
    async publish(outgoing) {
      published.push(outgoing);
      const code = codes.shift();
      if (code !== undefined) throw new Fault(code, {});
    },
    async declare(topology) {
      declared.push(topology);
    },
  };
  const ending = new AbortController();
  return { clock, published, declared, ending, move: mover(transport, clock, silent, ending.signal) };
}

describe("moving a message", () => {
  it("publishes it persistent, mandatory, without its old time to live, and then lets it be acknowledged", async () => {
    const { move, published } = failing();
    expect(await move(message, there)).toBe("ack");
    expect(published).toHaveLength(1);
    expect(published[0]).toMatchObject({
      exchange: "",
      key: "there",
      headers: { a: 1 },
      messageId: "m-1",
      persistent: true,
      mandatory: true,
      expirationMs: undefined,
    });
  });

  it("declares a place that is gone and tries again at once", async () => {
    const { move, declared } = failing("UNROUTABLE");
    expect(await move(message, there)).toBe("ack");
    expect(declared).toEqual([there.topology]);
  });

  it("goes on trying with the message in hand while the broker does not take it", async () => {
    const { move, published, clock } = failing("UNAVAILABLE", "OVERLOADED", "UNROUTABLE");
    const moved = move(message, there);
    await clock.advance(2_900);
    expect(published).toHaveLength(2);
    await clock.advance(5_000);
    expect(published).toHaveLength(4);
    expect(await moved).toBe("ack");
  });

  it("gives it back when the broker does not take it for minutes", async () => {
    const { move, published, clock } = failing(...Array<string>(99).fill("UNAVAILABLE"));
    const moved = move(message, there);
    await clock.advance(100_000);
    expect(await moved).toBe("requeue");
    expect(published).toHaveLength(8);
  });

  it("waits for no further try when the process ends: one more, and it is given back", async () => {
    const { move, published, ending, clock } = failing(...Array<string>(99).fill("UNAVAILABLE"));
    const moved = move(message, there);
    await clock.advance(4_000);
    ending.abort();
    expect(await moved).toBe("requeue");
    expect(published).toHaveLength(4);
  });

  it("gives it back at once when the transport is closed, and tells when it is too large", async () => {
    expect(await failing("STOPPED").move(message, there)).toBe("requeue");
    expect(await failing("TOO_LARGE").move(message, there)).toBe("too-large");
  });
});
