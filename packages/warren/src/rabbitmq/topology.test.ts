// With channels that are none: it takes a cluster with a node down for a broker to say this.
import { expect, it } from "vitest";
import { silent } from "../log.ts";
import type { AmqpChannel, AmqpConnection } from "./amqp.ts";
import { readOptions } from "./options.ts";
import { declaredTopology } from "./topology.ts";

const homeDown =
  "NOT_FOUND - home node 'b@localhost' of durable queue 'calls' in vhost '/' is down or inaccessible";

/** A connection on whose channels `calls` cannot be declared while its node is down; a refusal closes the channel. */
function cluster(refusal = homeDown) {
  const declared: string[] = [];
  const state = { down: true, channels: 0 };
  const connection = {
    open: true,
    async channel() {
      state.channels++;
      let open = true;
      const step = async (what: string): Promise<number> => {
        if (!open) throw new Error("the channel is closed");
        open = !(state.down && what === "queue calls");
        if (!open) throw Object.assign(new Error(refusal), { code: 404 });
        declared.push(what);
        return 0;
      };
      return {
        connection,
        get open() {
          return open;
        },
        exchange: (name: string) => step(`exchange ${name}`),
        queue: (name: string) => step(`queue ${name}`),
        bind: (queue: string) => step(`binding of ${queue}`),
        async close() {},
      } as unknown as AmqpChannel;
    },
  } as unknown as AmqpConnection;
  return { connection, declared, state };
}

const topology = {
  exchanges: [{ name: "events", type: "topic" }],
  queues: [
    { name: "calls", type: "classic", lifetime: "durable" },
    { name: "letters", type: "quorum", lifetime: "durable" },
  ],
  bindings: [
    { queue: "calls", exchange: "events", key: "a" },
    { queue: "letters", exchange: "events", key: "b" },
  ],
} as const;

it("a queue whose node is down is told of and left out, and declared once the node is back", async () => {
  const { connection, declared, state } = cluster();
  const lines: string[] = [];
  const log = { ...silent, error: (_: object, text: string) => void lines.push(text) };
  const known = declaredTopology(readOptions({ log }));
  await known.declare(connection, topology);
  expect(declared).toEqual(["exchange events", "queue letters", "binding of letters"]);
  expect(lines).toEqual([expect.stringContaining('the node that holds "calls" is down')]);
  state.down = false;
  await known.assert(connection);
  expect(declared).toContain("queue calls");
  expect(declared).toContain("binding of calls");
});

it("what is refused otherwise is no reason to go on", async () => {
  const { connection } = cluster("NOT_FOUND - no exchange 'events'");
  const known = declaredTopology(readOptions({}));
  await expect(known.declare(connection, topology)).rejects.toThrow("Declare that first");
});
