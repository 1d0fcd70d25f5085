import type { App, AppOptions, Subscription } from "./application.ts";
import { assemble } from "./assembly.ts";
import { type AnyContract, contract, type Event } from "./contract/contract.ts";
import { noteServices } from "./dead-letters/known-services.ts";
import { type Directory, directory } from "./directory/directory.ts";
import { presenceTopology } from "./directory/topology.ts";
import { listen } from "./events/listening.ts";
import { readiness } from "./health/readiness.ts";
import { consumeAs } from "./instance.ts";
import { names } from "./names.ts";
import { joined, runTransaction } from "./outbox/sends.ts";
import { deadQueue } from "./retry/topology.ts";
import { boundClient, boundEveryClient } from "./rpc/bound-client.ts";
import { sagaUse } from "./saga/sagas.ts";
import { mergedTopology } from "./service/merged-topology.ts";
import type { Service } from "./service/service.ts";
import { serviceTopology, sharedTopology } from "./service/topology.ts";
import { type StoreRuntime } from "./store/runtime.ts";
import type { Store } from "./store.ts";
import { delay } from "./time.ts";
import type { Trail } from "./trail.ts";
import type { Consumer, Topology } from "./transport.ts";
import { wholeNumber } from "./whole-number.ts";

const defaultDrainMs = 10_000;
/** A rollback, and a row that says that something is free again: some round trips to a database. */
const givingBackMs = 2_000;
const noTrail: Trail = {};

/**
 * Puts services, a transport and clients together: one process of the system. Nothing happens before `start`.
 * @throws TypeError where two services have the same contract
 */
export function app(options: AppOptions): App {
  const parts = assemble(options);
  const usualDrainMs = wholeNumber("app: `drainMs`", options.drainMs, defaultDrainMs, 0);
  const { transport, log, clock, calls, publisher } = parts;
  let consumers: Consumer[] = [];
  let phase: "new" | "starting" | "failed" | "started" | "stopping" | "stopped" = "new";
  let stopping: Promise<void> | undefined;
  let listing: Promise<Directory> | undefined;
  let listed: Directory | undefined;
  let unobserve = (): void => {};
  let isRetired = false;
  const atEnd: (() => unknown)[] = [];

  async function start(): Promise<void> {
    if (phase === "failed") throw new Error("This app could not start; make another one to try again.");
    if (phase !== "new") throw new Error(`This app is ${phase} already; an app starts once.`);
    phase = "starting";
    try {
      await attach();
    } catch (error) {
      if (phase === "starting") phase = "failed";
      // Not awaited: whoever waits to hear that it failed need not wait for handlers as well. `stop` does.
      for (const consumer of consumers) void consumer.stop();
      throw error;
    }
    // A stop that came meanwhile has the last word.
    if (phase !== "starting") return;
    phase = "started";
    log.info(
      { transport: transport.name, services: parts.services.map((service) => service.contract.name) },
      "started",
    );
  }

  async function attach(): Promise<void> {
    await noteServices(
      transport,
      [...new Set([...parts.services.map(({ contract }) => contract.name), ...parts.sagaNames])],
      log,
    );
    for (const runtime of parts.runtimes) await runtime.open();
    await transport.declare(topologyOf(parts.services, parts.sagaNames, parts.instance));
    await calls.start();
    const attaching = parts.services.flatMap((service) => consumeAs({ ...parts, ...parts.scopeOf(service) }));
    const outcomes = await Promise.allSettled(attaching);
    // Also where one of them failed: the others work already.
    for (const outcome of outcomes) if (outcome.status === "fulfilled") consumers.push(outcome.value);
    await Promise.all(attaching);
    // A stop that came meanwhile would not end what begins now.
    if (phase !== "starting") return;
    for (const runtime of parts.runtimes) runtime.start();
    for (const host of parts.hosts) host.start();
    parts.presence.here();
    unobserve = parts.observe({
      isReady: async () => (await instance.health()).ready,
      workers: () => listed && new Map(listed.services().map((each) => [each.name, each.instances.length])),
    });
  }

  async function stop(drainMs: number): Promise<void> {
    phase = "stopping";
    parts.presence.leave();
    const end = clock.now() + drainMs;
    const consumed = (): Promise<unknown> => Promise.all(consumers.map((each) => each.stop()));
    const hosted = (): Promise<unknown> => Promise.all(parts.hosts.map((host) => host.stop()));
    const isDone = await within(
      drainMs,
      Promise.all([consumed(), hosted()]).then(() => calls.idle()),
    );
    if (!isDone && drainMs > 0)
      log.warn(
        { drainMs, handlers: parts.running.active },
        "the drain time is over with work still under way, which is interrupted",
      );
    parts.running.abortAll();
    parts.ending.abort();
    // What they had under way is interrupted now, and is given back before the stores close. A broker that is away may
    // keep consumers from ending, and shall not keep the process.
    await Promise.all([within(givingBackMs, consumed()), hosted()]);
    const left = Math.max(500, end - clock.now());
    await Promise.all(parts.runtimes.map((runtime) => runtime.stop({ drainMs: left })));
    calls.stop();
    parts.presence.left();
    // Not awaited: what was under way has had its time, and the connection ends now.
    void consumed();
    listing?.then((opened) => opened.close()).catch(() => {});
    await transport.close({ drainMs: Math.max(500, end - clock.now()) });
    phase = "stopped";
    unobserve();
    for (const outcome of await Promise.allSettled(atEnd.map(async (run) => run())))
      if (outcome.status === "rejected")
        log.error({ err: outcome.reason }, "what was to run after the end failed");
    log.info({}, "stopped");
  }

  /** @returns whether the work was done by then */
  async function within(limitMs: number, work: Promise<unknown>): Promise<boolean> {
    const over = new AbortController();
    const isDone = await Promise.race([
      work.then(() => true),
      delay(clock, limitMs, over.signal).then(() => false),
    ]);
    over.abort();
    return isDone;
  }

  async function subscribe(
    event: Event,
    handle: (data: any, context: any) => unknown,
  ): Promise<Subscription> {
    const scope = parts.scope(contract("listener", {}), {});
    const consumer = await listen({ ...parts, scope }, names.listener(parts.nextId()), event, handle);
    consumers.push(consumer);
    return {
      async stop() {
        consumers = consumers.filter((other) => other !== consumer);
        await consumer.stop();
      },
    };
  }

  async function openDirectory(): Promise<Directory> {
    if (phase !== "started") throw new Error(`app.directory: this app is ${phase}; use it while it runs.`);
    const services = knownContracts(options).map(({ name }) => name);
    listing ??= directory(transport, { ...parts, services, observer: parts.probe?.directory() });
    // One that could not be opened is no reason not to try again.
    listing.then(
      (opened) => {
        listed = opened;
      },
      () => {
        listing = undefined;
      },
    );
    return listing;
  }

  function runtimeOf(store: Store<any>, what: string): StoreRuntime {
    if (phase === "new") throw new Error(`app.${what}: this app has not started; await app.start() first.`);
    const runtime = parts.runtimeOf(store);
    if (runtime === undefined)
      throw new TypeError(
        `app.${what}: this store is none of the app's; give it to a service, or to \`stores\`.`,
      );
    return runtime;
  }

  const sagas = sagaUse(parts.hosts, clock, () => phase === "started" || phase === "stopping");
  const instance: App = {
    instance: parts.instance,
    contracts: knownContracts(options),
    log,
    clock,
    telemetry: parts.probe,
    client: (contract) => boundClient(calls, contract, noTrail) as never,
    every: (contract) => boundEveryClient(calls, contract, noTrail) as never,
    call: (method, input, callOptions = {}) => calls.call(method, input, callOptions, noTrail) as never,
    emit: (event, data, { principal } = {}) => publisher.emit(event, data, { principal }),
    subscribe,
    directory: openDirectory,
    transaction: async (store, work) => runTransaction(runtimeOf(store, "transaction"), parts.writer, work),
    join: (store, sql) => joined(runtimeOf(store, "join"), parts.writer, sql),
    run: (saga, input, runOptions) => sagas.run(saga, input, runOptions) as never,
    begin: sagas.begin,
    sagas: sagas.runs,
    start,
    stop({ drainMs = usualDrainMs } = {}) {
      stopping ??= stop(drainMs);
      return stopping;
    },
    health: readiness({
      ...parts,
      idle: () =>
        phase !== "started" ? `the app is ${phase}` : isRetired ? "the app is about to stop" : undefined,
      stores: parts.runtimes.map(({ store }) => store),
    }),
    retire() {
      isRetired = true;
    },
    onStopped: (run) => void (phase === "stopped" ? run() : atEnd.push(run)),
    [Symbol.asyncDispose]: () => instance.stop(),
  };
  return instance;
}

function knownContracts({ services = [], contracts = [] }: AppOptions): readonly AnyContract[] {
  const byName = new Map<string, AnyContract>();
  for (const contract of [...services.map((service) => service.contract), ...contracts])
    byName.set(contract.name, contract);
  return [...byName.values()];
}

function topologyOf(services: readonly Service[], sagas: readonly string[], instance: string): Topology {
  return mergedTopology([
    sharedTopology,
    ...services.map((service) => serviceTopology(service, instance)),
    ...services.slice(0, 1).map(({ contract }) => presenceTopology(contract.name, instance)),
    { queues: sagas.map(deadQueue) },
  ]);
}
