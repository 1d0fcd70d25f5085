import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contract, Fault, type Incoming, type RetryPolicy, type Service, service } from "../src/index.ts";
import { deadLettersOf, fast, freshBroker, mail, shop, sink, start } from "./events-world.ts";
import { transports } from "./shape-world.ts";

type Case = { readonly how: string; readonly inOrder?: true; readonly to?: "every-instance" };
const cases: readonly Case[] = [
  { how: "usual" },
  { how: "in order", inOrder: true },
  { how: "on every instance", to: "every-instance" },
];

const announcing = contract("events-mail", {
  methods: {},
  events: { sent: z.object({ to: z.string() }) },
});

describe.each(transports)("what a reaction throws, on %s", (transport) => {
  freshBroker(transport);

  /** What the one sale becomes. */
  async function deadOf(kind: Case, retry: RetryPolicy, fail: (context: any) => unknown) {
    const { how: _, ...options } = kind;
    const dead = await deadLettersOf(mail.name);
    const tries = sink<number>();
    const mailer = service(announcing, {
      uses: { shop },
      methods: {},
      on: {
        "events-shop.sold": {
          ...options,
          retry,
          run: (_event, context) => {
            tries.put(context.attempt);
            return fail(context);
          },
        },
      },
    });
    const all = await start(mailer as unknown as Service);
    await all.emit(shop.events.sold, { item: 1 });
    const [letter] = await dead.until(1);
    return { letter: letter as Incoming, tries: tries.values };
  }

  it.each(cases)("and nobody can print is a dead letter all the same ($how)", async (kind) => {
    const { letter } = await deadOf(kind, { attempts: 1 }, () => {
      throw Object.create(null);
    });
    expect(letter.headers).toMatchObject({ "warren-reason": "failed" });
  });

  it.each(cases)("is told of where asking whether it may pass fails itself ($how)", async (kind) => {
    const when = (): boolean => {
      throw new Error("no idea");
    };
    const { letter, tries } = await deadOf(kind, { ...fast, when }, () => {
      throw new Error("out of paper");
    });
    expect(letter.headers).toMatchObject({
      "warren-reason": "failed",
      "warren-error": expect.stringContaining("no idea, asked about Error: out of paper"),
      "warren-stack": expect.stringContaining("caused by Error: out of paper"),
    });
    expect(tries).toEqual([1]);
  });

  it.each(cases)("is no fault of the event that it got, where it emits a wrong one ($how)", async (kind) => {
    const { letter, tries } = await deadOf(kind, { ...fast, when: () => true }, ({ emit }) =>
      emit.sent({ to: 7 }),
    );
    expect(letter.headers).toMatchObject({ "warren-reason": "failed" });
    expect(tries).toEqual([1, 2, 3]);
  });

  it.each(cases)(
    "is a failure like any other, where something else has been stopped ($how)",
    async (kind) => {
      const { letter, tries } = await deadOf(kind, fast, () => {
        throw new Fault("STOPPED", {}, { message: "another app of this process" });
      });
      expect(letter.headers).toMatchObject({ "warren-reason": "failed" });
      expect(tries).toEqual([1, 2, 3]);
    },
  );
});
