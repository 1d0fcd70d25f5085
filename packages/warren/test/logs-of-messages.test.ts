import { describe, expect, it, onTestFinished, vi } from "vitest";
import { app, names, type ServiceDefinition, service } from "../src/index.ts";
import { plainLogger } from "../src/logs/index.ts";
import { books, connect, fast, freshBroker, mail, shop } from "./events-world.ts";

const trace = { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" };

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** An app, and the lines of its log. */
async function told(reaction: ServiceDefinition<any, any, any>, level: "debug" | "info" = "info") {
  const lines: Line[] = [];
  const to = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const running = app({
    transport: connect(),
    log: plainLogger({ level }, to, {}),
    services: [
      service(shop, { methods: { sell: ({ item }, { emit }) => emit.sold({ item }) } }),
      service(mail, { uses: { shop }, ...reaction } as never),
    ],
  });
  onTestFinished(() => running.stop({ drainMs: 200 }));
  await running.start();
  return { running, lines };
}

describe.each(["embedded", "rabbitmq"] as const)("lines about a message on %s", (transport) => {
  freshBroker(transport);

  it("carry its conversation and its trace, from the handler to the dead letter", async () => {
    const { lines } = await told({
      methods: {},
      retry: fast,
      on: {
        "events-shop.sold": (_data: unknown, { log }: any) => {
          log.info({ password: "hunter2" }, "seen");
          throw new Error("cannot reach smtp://bob:hunter2@mail");
        },
      },
    });
    const sender = connect();
    await sender.publish({
      exchange: names.eventExchange,
      key: "events-shop.sold",
      type: "events-shop.sold",
      messageId: "message-1",
      contentType: "application/json",
      headers: {
        traceparent: `00-${trace.trace_id}-${trace.span_id}-01`,
        "warren-conversation": "conversation-1",
      },
      body: Buffer.from('{"item":1}'),
      persistent: true,
      mandatory: false,
    });
    await vi.waitFor(() =>
      expect(lines.at(-1)?.msg).toBe("a message became a dead letter in events-mail.dead"),
    );
    const about = lines.filter(({ messageId }) => messageId !== undefined);
    expect(about.map(({ msg, level }) => [level, msg])).toEqual([
      [30, "seen"],
      [40, "a reaction failed and will be tried again"],
      [30, "seen"],
      [40, "a reaction failed and will be tried again"],
      [30, "seen"],
      [50, "a message became a dead letter in events-mail.dead"],
    ]);
    for (const line of about)
      expect(line).toMatchObject({
        ...trace,
        service: "events-mail",
        messageId: "message-1",
        conversation: "conversation-1",
      });
    expect(JSON.stringify(lines)).not.toContain("hunter2");
  });

  it("are none while all is well", async () => {
    const seen: number[] = [];
    const { running, lines } = await told({
      methods: {},
      on: { "events-shop.sold": ({ item }: any) => void seen.push(item) },
    });
    await Promise.all(Array.from({ length: 100 }, (_, item) => running.client(shop).sell({ item })));
    await vi.waitFor(() => expect(seen).toHaveLength(100));
    await running.stop();
    expect(lines.map(({ msg }) => msg)).toEqual(["started", "stopped"]);
  });

  it("a failed call is told with its conversation, under the id that the caller gets", async () => {
    const lines: Line[] = [];
    const running = app({
      transport: connect(),
      log: plainLogger({}, { write: (line) => void lines.push(JSON.parse(line)) }, {}),
      services: [
        service(shop, {
          methods: {
            sell: () => {
              throw new Error("boom");
            },
          },
        }),
        service(books, { methods: {} }),
      ],
    });
    onTestFinished(() => running.stop({ drainMs: 200 }));
    await running.start();
    const fault = await running
      .client(shop)
      .sell({ item: 1 })
      .then(undefined, (error) => error);
    const line = lines.find(({ msg }) => msg === "a handler failed");
    expect(line).toMatchObject({ type: "events-shop.sell", errorId: fault.data.errorId });
    expect(line!.conversation).toBe(line!.messageId);
  });
});
