import { describe, expect, it, vi } from "vitest";
import { outboxWorld } from "./outbox-world.ts";
import { transports } from "./shape-world.ts";
import { stores } from "./stores.ts";

describe.each(stores)("on $name", (database) => {
  describe.each(transports)("over %s", (name) => {
    const world = outboxWorld(name, database);

    it("what commits while the broker is away waits without a try, and is sent when it is back", async () => {
      const { transport, lose, find } = await world().shaky();
      const store = world().store();
      const app = await world().start({ transport, stores: [store] });
      const heard = await world().heard();
      await lose();
      await vi.waitFor(() => expect(transport.state.publishing).toBe(false));
      for (let n = 0; n < 20; n++)
        await app.transaction(store, ({ emit }) => emit(world().shop.events.sold, { n }));
      const { rows } = await world().query("select attempts, leased_by from warren_outbox");
      expect(rows).toEqual(Array(20).fill({ attempts: 0, leased_by: null }));
      expect(heard.values).toEqual([]);
      await find();
      await heard.until(20);
      await vi.waitFor(async () => expect(await world().waiting()).toBe(0));
      expect(new Set(heard.values).size).toBe(20);
    });

    it("what is under way when the broker goes away comes to its subscribers", async () => {
      const { transport, lose, find } = await world().shaky();
      const store = world().store();
      const app = await world().start({ transport, stores: [store] });
      const heard = await world().heard();
      const writing = Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          await app.transaction(store, ({ emit }) => emit(world().shop.events.sold, { n }));
          if (n === 60) await lose();
          if (n === 120) setTimeout(() => void find(), 50);
        }),
      );
      await writing;
      await vi.waitFor(() => expect(new Set(heard.values).size).toBe(200), { timeout: 15_000 });
      await vi.waitFor(async () => expect(await world().waiting()).toBe(0), { timeout: 5_000 });
    });
  });
});
