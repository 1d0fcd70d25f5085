import { describe, expect, it, vi } from "vitest";
import { contractFingerprint } from "../src/index.ts";
import { noted, untilKnown } from "./directory-world.ts";
import { gate, transports, world } from "./shape-world.ts";

describe.each(transports)("the directory, on %s", (transport) => {
  const w = world(transport);
  const start = (options = {}) => w().start({ services: [w().shapeService()], ...options });

  it("knows at once who was there before it was opened", async () => {
    const old = await start({ version: "1.4.0" });
    const young = await start({ version: "1.5.0" });
    const listed = await (await w().start({ contracts: [w().shape] })).directory();
    const [shape] = listed.services().filter(({ name }) => name === w().shape.name);
    expect(shape).toMatchObject({
      versions: ["1.4.0", "1.5.0"],
      fingerprints: [contractFingerprint(w().shape)],
    });
    expect(shape?.instances.map(({ id }) => id).toSorted()).toEqual(
      [old.instance, young.instance].toSorted(),
    );
    expect(shape?.instances[0]).toMatchObject({ state: "here", stale: false, pid: process.pid });
    expect(shape?.instances[0]?.load?.eventLoop).toBeGreaterThanOrEqual(0);
  });

  it("sees an instance join, and leave, within a second", async () => {
    const client = await w().start({ contracts: [w().shape] });
    const listed = await client.directory();
    const changes = noted(listed);
    const one = await start();
    await untilKnown(listed, w().shape.name, [one.instance], 1_000);
    await one.stop();
    await untilKnown(listed, w().shape.name, [], 1_000);
    expect(changes.map(({ kind }) => kind)).toEqual(["joined", "changed", "left"]);
    expect(listed.services()).toMatchObject([{ name: w().shape.name, instances: [] }]);
  });

  it("shows one that finishes its work as leaving, until it is done", async () => {
    const [running, finish] = [gate(), gate()];
    const slow = w().shapeService({
      slow: async () => {
        running.open();
        await finish.promise;
        return "done";
      },
    });
    const one = await start({ services: [slow] });
    const client = await w().start({ contracts: [w().shape] });
    const listed = await client.directory();
    const answer = client.client(w().shape).slow({ tag: "" });
    await running.promise;
    const stopped = one.stop({ drainMs: 5_000 });
    await vi.waitFor(() => expect(listed.instances({ state: "leaving" })).toHaveLength(1));
    finish.open();
    expect(await answer).toBe("done");
    await stopped;
    await untilKnown(listed, w().shape.name, [], 1_000);
  });
});
