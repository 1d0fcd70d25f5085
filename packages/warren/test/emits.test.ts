import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contract, type Service, service } from "../src/index.ts";
import { deadLettersOf, freshBroker, mail, shop, sink, start } from "./events-world.ts";
import { transports } from "./shape-world.ts";

const announcing = contract("events-mail", {
  events: { sent: z.object({ item: z.number() }), lost: z.object({ item: z.number() }) },
});

describe.each(transports)("a reaction that says what it emits, on %s", (transport) => {
  freshBroker(transport);

  it("can emit that, and nothing else: the map would be wrong", async () => {
    const dead = await deadLettersOf(mail.name);
    const heard = sink<string>();
    const mailer = service(announcing, {
      uses: { shop },
      methods: {},
      on: {
        "events-shop.sold": {
          emits: ["sent"],
          retry: { attempts: 1 },
          async run({ item }, { emit }) {
            await emit.sent({ item });
            await emit.lost({ item });
          },
        },
        "events-mail.sent": () => heard.put("sent"),
        "events-mail.lost": () => heard.put("lost"),
      },
    });
    const all = await start(mailer as unknown as Service);
    await all.emit(shop.events.sold, { item: 1 });
    const [letter] = await dead.until(1);
    await heard.until(1);
    expect(letter?.headers?.["warren-error"]).toContain(
      'Service "events-mail" on "events-shop.sold" does not say that it emits events-mail.lost: add "lost" to its `emits`',
    );
    expect(heard.values).toEqual(["sent"]);
  });
});

it("a name that the contract does not have is refused where the service is defined", () => {
  const define = () =>
    service(announcing, {
      uses: { shop },
      methods: {},
      // @ts-expect-error no such event
      on: { "events-shop.sold": { emits: ["sold"], run: () => {} } },
    });
  expect(define).toThrow('Service "events-mail" on "events-shop.sold": emits names "sold"');
});
