import { describe, expect, it } from "vitest";
import { Fault, saga } from "../src/index.ts";
import { fast, order, sagaWorld, stores, threeSteps } from "./sagas-world.ts";
import { faultOf } from "./shape-world.ts";

const book = { sku: "book", cents: 100 };

describe.each(stores)("a saga on $name", (kind) => {
  const world = sagaWorld(kind);

  it("runs its steps in order, each with what those before gave, and gives what it finishes with", async () => {
    const checkout = threeSteps(world(), world().store());
    const shop = await world().start({ sagas: [checkout] });
    expect(await shop.run(checkout, book, { id: "o-1" })).toEqual({
      id: "o-1",
      shipped: "ship charge book!!",
    });
    expect(world().done).toEqual(["reserve", "charge book", "ship charge book!"]);
    expect(await shop.sagas.show(checkout, "o-1")).toMatchObject({
      state: "done",
      input: book,
      output: { id: "o-1", shipped: "ship charge book!!" },
      steps: [
        { name: "reserve", state: "done", attempts: 1, result: { hold: "reserve!", sku: "book" } },
        { name: "charge", state: "done" },
        { name: "ship", state: "done" },
      ],
    });
  });

  it("undoes what was done and what may have been, last first, and rejects with the fault that ended it", async () => {
    const checkout = threeSteps(world(), world().store(), (what) =>
      what.startsWith("ship") ? new Fault("NO_TRUCK", { today: true }, { message: "No truck." }) : undefined,
    );
    const shop = await world().start({ sagas: [checkout] });
    const fault = await faultOf(shop.run(checkout, book, { id: "o-1" }));
    expect(fault).toMatchObject({ code: "NO_TRUCK", data: { today: true }, message: "No truck." });
    expect(world().done).toEqual([
      "reserve",
      "charge book",
      "ship charge book!",
      "undo ship undefined",
      "undo charge charge book!",
      "undo reserve reserve! true",
    ]);
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "NO_TRUCK" });
    expect(world().done).toHaveLength(6);
    expect(await shop.sagas.show(checkout, "o-1")).toMatchObject({
      state: "failed",
      steps: [{ state: "undone" }, { state: "undone" }, { state: "undone", error: null }].map(
        ({ state }) => ({ state }),
      ),
    });
  });

  it("tries a step again whose failure may pass, and tells nobody else of it", async () => {
    let left = 2;
    const checkout = threeSteps(world(), world().store(), (what) =>
      what.startsWith("charge") && left-- > 0 ? new Error("busy") : undefined,
    );
    const shop = await world().start({ sagas: [checkout] });
    await shop.run(checkout, book, { id: "o-1" });
    expect(world().done.filter((what) => what.startsWith("charge"))).toHaveLength(3);
    expect(world().done.some((what) => what.startsWith("undo"))).toBe(false);
  });

  it("gives up a step after as many tries as its policy has, and undoes", async () => {
    const checkout = threeSteps(world(), world().store(), (what) =>
      what.startsWith("charge") ? new Error("the card reader is broken") : undefined,
    );
    const shop = await world().start({ sagas: [checkout] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({
      code: "INTERNAL",
      message: expect.stringContaining("the card reader is broken"),
      data: { saga: "checkout", id: "o-1", step: "charge" },
    });
    expect(world().done).toEqual([
      "reserve",
      ...Array(3).fill("charge book"),
      "undo charge undefined",
      "undo reserve reserve! true",
    ]);
  });

  it("joins a run of the same id and input, and refuses another input", async () => {
    const checkout = threeSteps(world(), world().store());
    const shop = await world().start({ sagas: [checkout] });
    const both = [
      shop.run(checkout, book, { id: "o-1" }),
      shop.run(checkout, { cents: 100, sku: "book" }, { id: "o-1" }),
    ];
    const [one, other] = await Promise.all(both);
    expect(one).toEqual(other);
    expect(world().done).toHaveLength(3);
    expect(await faultOf(shop.run(checkout, { sku: "pen", cents: 1 }, { id: "o-1" }))).toMatchObject({
      code: "KEY_REUSED",
      data: { saga: "checkout", id: "o-1" },
    });
    expect(await shop.run(checkout, book, { id: "o-1" })).toEqual(one);
    expect(world().done).toHaveLength(3);
  });

  it("is one run where two processes are asked for the same id, and both are given its result", async () => {
    const apps = await Promise.all(
      [0, 1].map(async () => {
        const checkout = threeSteps(world(), world().store());
        return { checkout, shop: await world().start({ sagas: [checkout] }) };
      }),
    );
    const ids = Array.from({ length: 10 }, (_, i) => `o-${i}`);
    const results = await Promise.all(
      ids.flatMap((id) => apps.map(({ shop, checkout }) => shop.run(checkout, book, { id }))),
    );
    expect(results.map(({ id }) => id)).toEqual(ids.flatMap((id) => [id, id]));
    expect(world().done.filter((what) => what === "reserve")).toHaveLength(10);
  });

  it("refuses an input that does not fit, before anything is written", async () => {
    const checkout = threeSteps(world(), world().store());
    const shop = await world().start({ sagas: [checkout] });
    const wrong = shop.run(checkout, { sku: 7 } as never, { id: "o-1" });
    expect(await faultOf(wrong)).toMatchObject({ code: "INVALID_INPUT" });
    expect(await shop.sagas.show(checkout, "o-1")).toBeUndefined();
    await expect(shop.run(checkout, book, { id: "" })).rejects.toThrow(TypeError);
  });

  it("commits what a step does in the store with its end, and what it throws away with its failure", async () => {
    const store = world().store();
    await store.open();
    await store.query("create table shelf (sku text not null, taken bigint not null)");
    let tries = 0;
    const checkout = saga("checkout", { input: order, store, retry: fast })
      .step("take", {
        async do({ db, input }) {
          await db.query("insert into shelf (sku, taken) values ($1, $2)", [input.sku, ++tries]);
          if (tries < 3) throw new Error("not yet");
        },
        async undo({ db, completed }) {
          await db.query("insert into shelf (sku, taken) values ($1, -1)", [`${completed}`]);
        },
      })
      .step("fail", {
        do: ({ input }) => {
          if (input.cents > 500) throw new Fault("TOO_DEAR", {});
        },
      })
      .finish();
    const shop = await world().start({ sagas: [checkout] });
    await shop.run(checkout, book, { id: "o-1" });
    expect((await store.query("select * from shelf")).rows).toEqual([{ sku: "book", taken: 3 }]);
    expect(await faultOf(shop.run(checkout, { ...book, cents: 501 }, { id: "o-2" }))).toMatchObject({
      code: "TOO_DEAR",
    });
    expect((await store.query("select * from shelf where taken < 0")).rows).toEqual([
      { sku: "true", taken: -1 },
    ]);
  });

  it("tells an undo why the run failed, so that it can tell others", async () => {
    const told: unknown[] = [];
    const checkout = saga("checkout", { input: order, store: world().store(), retry: fast })
      .step("keep", { do: () => 1, undo: ({ error }) => void told.push([error.code, error.data]) })
      .step("fail", {
        do: () => {
          throw new Fault("TOO_DEAR", { limit: 500 });
        },
      })
      .finish();
    const shop = await world().start({ sagas: [checkout] });
    expect(await faultOf(shop.run(checkout, book, { id: "o-1" }))).toMatchObject({ code: "TOO_DEAR" });
    expect(told).toEqual([["TOO_DEAR", { limit: 500 }]]);
  });
});
