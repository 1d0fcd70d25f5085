import { setMaxListeners } from "node:events";
import type { App, AppOptions, Subscription } from "./application.ts";
import { json } from "./codec/json.ts";
import { type AnyContract, contract, type Event } from "./contract/contract.ts";
import { noteServices } from "./dead-letters/known-services.ts";
import { listen } from "./events/listening.ts";
import { type EventPublisher, eventPublisher } from "./events/publisher.ts";
import { readiness } from "./health/readiness.ts";
import { idSource, randomId, systemRandom } from "./id.ts";
import { consumeAs } from "./instance.ts";
import { plainLogger } from "./logs/plain.ts";
import { names } from "./names.ts";
import { delivery } from "./outbox/delivery.ts";
import { type RelayOptions, relay } from "./outbox/relay.ts";
import { joined, runTransaction } from "./outbox/sends.ts";
import { entryWriter } from "./outbox/writer.ts";
import { burying } from "./retry/bury.ts";
import { mover } from "./retry/move.ts";
import { retrier } from "./retry/retrier.ts";
import { deadQueue } from "./retry/topology.ts";
import { boundClient, boundEveryClient } from "./rpc/bound-client.ts";
import { type Caller, caller } from "./rpc/caller.ts";
import type { MakeCall } from "./rpc/outgoing.ts";
import { sagaParts, sagaUse } from "./saga/sagas.ts";
import type { InvocationScope } from "./service/invocation.ts";
import { mergedTopology } from "./service/merged-topology.ts";
import type { Place } from "./service/middleware.ts";
import { running } from "./service/running.ts";
import type { Service } from "./service/service.ts";
import { serviceTopology, sharedTopology } from "./service/topology.ts";
import { expiringOf } from "./store/retention.ts";
import { type StoreRuntime, storeRuntime } from "./store/runtime.ts";
import type { Store } from "./store.ts";
import { delay, systemClock } from "./time.ts";
import type { Trail } from "./trail.ts";
import type { Consumer, Topology } from "./transport.ts";
import { wholeNumber } from "./whole-number.ts";

const defaultCalls = 10_000;
const defaultCallBytes = 256 * 2 ** 20;
const defaultAbandoned = 1_000;
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
    for (const runtime of parts.runtimes) runtime.start();
    for (const host of parts.hosts) host.start();
  }

  async function stop(drainMs: number): Promise<void> {
    phase = "stopping";
    const end = clock.now() + drainMs;
    const consumed = (): Promise<unknown> => Promise.all(consumers.map((each) => each.stop()));
    const hosted = (): Promise<unknown> => Promise.all(parts.hosts.map((host) => host.stop()));
    await within(
      drainMs,
      Promise.all([consumed(), hosted()]).then(() => calls.idle()),
    );
    parts.running.abortAll();
    parts.ending.abort();
    // What they had under way is interrupted now, and is given back before the stores close. A broker that is away may
    // keep consumers from ending, and shall not keep the process.
    await Promise.all([within(givingBackMs, consumed()), hosted()]);
    const left = Math.max(500, end - clock.now());
    await Promise.all(parts.runtimes.map((runtime) => runtime.stop({ drainMs: left })));
    calls.stop();
    await transport.close({ drainMs: Math.max(500, end - clock.now()) });
    phase = "stopped";
    for (const outcome of await Promise.allSettled(atEnd.map(async (run) => run())))
      if (outcome.status === "rejected")
        log.error({ err: outcome.reason }, "what was to run after the end failed");
    log.info({}, "stopped");
  }

  async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    await Promise.race([work, delay(clock, limitMs, over.signal)]);
    over.abort();
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
    client: (contract) => boundClient(calls, contract, noTrail) as never,
    every: (contract) => boundEveryClient(calls, contract, noTrail) as never,
    call: (method, input, callOptions = {}) => calls.call(method, input, callOptions, noTrail) as never,
    emit: (event, data, { principal } = {}) => publisher.emit(event, data, { principal }),
    subscribe,
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

/** Makes the parts and connects them; no part does anything yet. */
function assemble(options: AppOptions) {
  const { transport, use = [], clock = systemClock, random = systemRandom } = options;
  const sagas = sagaParts(options.sagas ?? [], clock);
  const services = [...(options.services ?? []), ...sagas.services];
  checkUnique(services);
  const instance = randomId(random, 12);
  const log = (options.log ?? plainLogger()).child({ instance });
  const maxCalls = wholeNumber("app: `limits.calls`", options.limits?.calls, defaultCalls);
  const maxCallBytes = wholeNumber("app: `limits.callBytes`", options.limits?.callBytes, defaultCallBytes);
  const maxAbandoned = wholeNumber("app: `limits.abandoned`", options.limits?.abandoned, defaultAbandoned);
  const nextId = idSource(instance);
  const common = {
    transport,
    codec: json,
    clock,
    nextId,
    log,
    instance,
    maxBytes: transport.maxMessageBytes,
  };
  const calls = intercepted(caller({ ...common, maxCalls, maxCallBytes }), options.outgoing ?? [], {
    around: "calls",
    clock,
    log,
  });
  const publisher: EventPublisher = eventPublisher(common);
  const writer = entryWriter({ ...common, publisher });
  const ending = new AbortController();
  // Every message that waits to be moved listens; Node.js before 24 takes more than ten for a leak.
  setMaxListeners(0, ending.signal);
  const move = mover(transport, clock, log, ending.signal);
  const bury = burying({ move, clock, log, instance, version: options.version });
  const deliver = delivery({ transport, caller: calls, bury, log, random });
  const runtimes = runtimesOf(
    { ...options, services, stores: [...(options.stores ?? []), ...sagas.stores] },
    { transport, deliver, clock, log, instance },
  );
  const scope = (
    contract: AnyContract,
    uses: Record<string, AnyContract>,
    store?: Store<any>,
  ): InvocationScope => ({
    contract,
    uses,
    instance,
    log: log.child({ service: contract.name }),
    caller: calls,
    publisher,
    writer,
    runtime: store && runtimes.get(store),
    clock,
    wakeSagas: store && (() => sagas.wake(store)),
  });
  const runs = running(clock, maxAbandoned);
  const runtimeOf = (store: Store<any>): StoreRuntime | undefined => runtimes.get(store);
  return {
    ...common,
    services,
    sagaNames: sagas.names,
    hosts: sagas.host({ ...common, random, running: runs, scope, runtimeOf }),
    runtimes: [...runtimes.values()],
    runtimeOf,
    use,
    place: { around: "handlers", clock, log } satisfies Place,
    random,
    calls,
    publisher,
    writer,
    running: runs,
    ending,
    move,
    bury,
    retryLater: retrier({ transport, clock, log, move, bury }),
    scope,
    scopeOf: (service: Service) => ({
      service,
      // What keeps events for sagas is Warren's own: nobody is to be let in there, and nothing of theirs is to be counted.
      use: sagas.services.includes(service) ? [] : use,
      scope: scope(service.contract, service.definition.uses ?? {}, service.definition.store),
    }),
  };
}

/** Services that share a store share what Warren does with it. */
function runtimesOf(
  { services = [], stores: others = [], random = systemRandom, retention }: AppOptions,
  common: Omit<RelayOptions, "store">,
): Map<Store<any>, StoreRuntime> {
  const stores = new Set([...services.flatMap(({ definition }) => definition.store ?? []), ...others]);
  const expiring = expiringOf(retention);
  return new Map(
    [...stores].map((store) => [
      store,
      storeRuntime({ ...common, store, random, expiring, outbox: () => relay({ ...common, store }) }),
    ]),
  );
}

function checkUnique(services: readonly Service[]): void {
  const seen = new Set<string>();
  for (const { contract } of services) {
    if (seen.has(contract.name))
      throw new TypeError(`Two services implement the contract "${contract.name}"; an app runs each once.`);
    seen.add(contract.name);
  }
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
    { queues: sagas.map(deadQueue) },
  ]);
}

/** Wraps a caller's calls in the app's outgoing middleware; costs nothing where there is none. */
function intercepted(calls: Caller, outgoing: NonNullable<AppOptions["outgoing"]>, place: Place): Caller {
  if (outgoing.length === 0) return calls;
  const last: MakeCall = ({ method, input, options, trail }) => calls.call(method, input, options, trail);
  const make = outgoing.reduceRight((next, wrap) => wrap(next, place), last);
  return { ...calls, call: (method, input, options, trail) => make({ method, input, options, trail }) };
}
