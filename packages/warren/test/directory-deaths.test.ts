// Who says no goodbye: killed, stopped, cut off. On RabbitMQ with processes of their own.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { app, contract, directory, names, rpc, service, silent, type Transport } from "../src/index.ts";
import { fresh, member, noted, untilKnown } from "./directory-world.ts";
import { privateNode } from "./private-node.ts";
import { outsider, proxied, transport } from "./rabbit.ts";
import { faultOf } from "./shape-world.ts";

vi.setConfig({ testTimeout: 60_000 });

/** The broker is asked about each service every five seconds, and the bar is fifteen. */
const forgottenWithinMs = 15_000;

function listening(on = transport()) {
  return directory(on).then((listed) => {
    onTestFinished(() => listed.close());
    return listed;
  });
}

describe("on RabbitMQ", () => {
  it("a killed instance is forgotten within 15 s, and one whose process stands still is not", async () => {
    const name = fresh("member");
    const [still, killed] = await Promise.all([member(name), member(name)]);
    const listed = await listening();
    const changes = noted(listed);
    await untilKnown(listed, name, [still.id, killed.id], 5_000);
    still.process.kill("SIGSTOP");
    killed.process.kill("SIGKILL");
    await untilKnown(listed, name, [still.id], forgottenWithinMs);
    still.process.kill("SIGCONT");
    expect(changes).toMatchObject([{ kind: "lost", instance: { id: killed.id } }]);
    // Nobody else missed it.
    expect(listed.instances({ service: name })).toMatchObject([{ id: still.id, stale: false }]);
  });

  it("all that one process ran is forgotten with it", async () => {
    const [a, b] = [fresh("member"), fresh("member")];
    const { proxy, url } = await proxied();
    const both = app({
      transport: transport({ url, publishTimeoutMs: 1_000 }),
      services: [a, b].map((name) => service(contract(name, {}), { methods: {} })),
      log: silent,
    });
    onTestFinished(() => both.stop({ drainMs: 0 }));
    await both.start();
    const listed = await listening();
    await untilKnown(listed, a, [both.instance], 5_000);
    await proxy.set("refuse");
    proxy.cut();
    await untilKnown(listed, a, [], forgottenWithinMs);
    await untilKnown(listed, b, [], 5_000);
  });

  it("an instance whose calls are in a quorum queue is counted and forgotten like any other", async () => {
    const name = fresh("member");
    const { proxy, url } = await proxied();
    const kept = (on: Transport) => {
      const services = [service(contract(name, {}), { methods: {}, callQueue: "quorum" })];
      const made = app({ transport: on, services, log: silent });
      onTestFinished(() => made.stop({ drainMs: 0 }));
      return made.start().then(() => made.instance);
    };
    const stays = await kept(transport());
    const cut = await kept(transport({ url, publishTimeoutMs: 1_000 }));
    const listed = await listening();
    await untilKnown(listed, name, [stays, cut], 5_000);
    await proxy.set("refuse");
    proxy.cut();
    await untilKnown(listed, name, [stays], forgottenWithinMs);
  });

  it("a broker that restarts costs nobody its place", async () => {
    const node = await privateNode();
    onTestFinished(() => node.discard());
    const name = fresh("member");
    const start = async () => {
      const services = [service(contract(name, {}), { methods: {} })];
      const made = app({ transport: transport({ url: node.url }), services, log: silent });
      onTestFinished(() => made.stop({ drainMs: 0 }));
      await made.start();
      return made.instance;
    };
    const ids = [await start(), await start(), await start()];
    const listed = await listening(transport({ url: node.url }));
    await untilKnown(listed, name, ids, 5_000);
    const changes = noted(listed);
    await node.down("kill");
    await vi.waitFor(() => expect(listed.connected).toBe(false));
    await node.up();
    await vi.waitFor(() => {
      expect(listed.connected).toBe(true);
      for (const each of listed.instances({ service: name })) expect(each.stale).toBe(false);
    }, 30_000);
    await untilKnown(listed, name, ids, 1_000);
    expect(changes.filter(({ kind }) => kind !== "changed")).toEqual([]);
  });

  it("an instance that lost its connection announces itself again", async () => {
    const name = fresh("member");
    const { proxy, url } = await proxied();
    const cut = app({
      transport: transport({ url }),
      services: [service(contract(name, {}), { methods: {} })],
      log: silent,
    });
    onTestFinished(() => cut.stop({ drainMs: 0 }));
    await cut.start();
    const listed = await listening();
    const [before] = listed.instances({ service: name });
    proxy.cut();
    await vi.waitFor(() => {
      const [now] = listed.instances({ service: name });
      expect(now?.heardAt).toBeGreaterThan(before!.heardAt);
    });
    expect(listed.instances({ service: name })).toMatchObject([{ id: cut.instance, state: "here" }]);
  });

  it("who listens and was cut off takes nobody for gone, and asks again who is there", async () => {
    const name = fresh("member");
    const stays = await member(name);
    const leaves = await member(name);
    const { proxy, url } = await proxied();
    const on = transport({ url, reconnect: { baseMs: 10, capMs: 50 } });
    const listed = await listening(on);
    await untilKnown(listed, name, [stays.id, leaves.id], 5_000);
    const changes = noted(listed);
    await proxy.set("refuse");
    proxy.cut();
    await vi.waitFor(() => expect(listed.connected).toBe(false));
    expect(listed.instances({ service: name })).toMatchObject([{ stale: true }, { stale: true }]);
    leaves.process.kill("SIGKILL");
    const young = await member(name);
    expect(changes).toEqual([]);
    await proxy.set("pass");
    await untilKnown(listed, name, [stays.id, leaves.id, young.id], 5_000);
    await untilKnown(listed, name, [stays.id, young.id], 2 * forgottenWithinMs);
    expect(changes.filter(({ kind }) => kind === "lost")).toHaveLength(1);
    expect(listed.instances({ service: name })).toMatchObject([{ stale: false }, { stale: false }]);
  });

  it("a call to an instance that is gone is UNAVAILABLE at once", async () => {
    const name = fresh("member");
    const gone = await member(name);
    const client = app({ transport: transport(), log: silent });
    onTestFinished(() => client.stop({ drainMs: 0 }));
    await client.start();
    const listed = await client.directory();
    await untilKnown(listed, name, [gone.id], 5_000);
    gone.process.kill("SIGKILL");
    await vi.waitFor(async () => expect((await faultOf(callTo(gone.id))).code).toBe("UNAVAILABLE"));
    await untilKnown(listed, name, [], forgottenWithinMs);

    function callTo(to: string): Promise<unknown> {
      const { methods } = contract(name, { methods: { ping: rpc() } });
      return client.call(methods.ping, undefined, { to, timeoutMs: 500 });
    }
  });

  it("a consumer that is no instance is asked who it is, less and less often", async () => {
    const name = fresh("member");
    const one = await member(name);
    const channel = await outsider();
    await channel.consume(names.requests(name), () => {}, { noAck: true });
    let questions = 0;
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, names.instanceExchange, name);
    await channel.consume(queue, () => void questions++, { noAck: true });
    const listed = await listening();
    await untilKnown(listed, name, [one.id], 5_000);
    await vi.waitFor(() => expect(questions).toBe(1));
    // Two rounds and more, as another service shows that is killed meanwhile.
    for (let i = 0; i < 2; i++) {
      const other = await member(fresh("other"));
      await vi.waitFor(() => expect(listed.instances().some(({ id }) => id === other.id)).toBe(true));
      other.process.kill("SIGKILL");
      await vi.waitFor(() => expect(listed.instances().some(({ id }) => id === other.id)).toBe(false));
    }
    expect(questions).toBeLessThanOrEqual(3);
    expect(listed.instances({ service: name })).toHaveLength(1);
  });
});

it("on the embedded broker, an instance that is cut off is forgotten, and known again when it is back", async () => {
  const broker = embeddedBroker();
  const name = fresh("member");
  const apart = embedded({ broker });
  const one = app({
    transport: apart,
    services: [service(contract(name, {}), { methods: {} })],
    log: silent,
  });
  onTestFinished(() => one.stop({ drainMs: 0 }));
  await one.start();
  const listed = await listening(embedded({ broker }));
  await untilKnown(listed, name, [one.instance], 1_000);
  broker.cut(apart, { downMs: 8_000 });
  await untilKnown(listed, name, [], forgottenWithinMs);
  await untilKnown(listed, name, [one.instance], 10_000);
});
