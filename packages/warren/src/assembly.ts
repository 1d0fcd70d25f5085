import { setMaxListeners } from "node:events";
import type { AppOptions } from "./application.ts";
import type { Codec } from "./codec/codec.ts";
import { type Compression, compressionOf } from "./codec/compression.ts";
import { json } from "./codec/json.ts";
import { type Reading, reading } from "./codec/reading.ts";
import type { AnyContract } from "./contract/contract.ts";
import { type Presence, presence } from "./directory/presence.ts";
import { type EventPublisher, eventPublisher } from "./events/publisher.ts";
import { idSource, type Random, randomId, systemRandom } from "./id.ts";
import type { InstanceOptions } from "./instance.ts";
import type { Logger } from "./log.ts";
import { plainLogger } from "./logs/plain.ts";
import { type Deliver, delivery } from "./outbox/delivery.ts";
import { type RelayOptions, relay } from "./outbox/relay.ts";
import { type EntryWriter, entryWriter } from "./outbox/writer.ts";
import { type Bury, burying } from "./retry/bury.ts";
import { type Move, mover } from "./retry/move.ts";
import { type RetryLater, retrier } from "./retry/retrier.ts";
import { type Caller, caller } from "./rpc/caller.ts";
import type { MakeCall } from "./rpc/outgoing.ts";
import type { SagaHost } from "./saga/host.ts";
import { sagaParts } from "./saga/sagas.ts";
import type { InvocationScope } from "./service/invocation.ts";
import type { Middleware, Place } from "./service/middleware.ts";
import { type Running, running } from "./service/running.ts";
import type { Service } from "./service/service.ts";
import { sharedQueues } from "./service/topology.ts";
import { expiringOf } from "./store/retention.ts";
import { type StoreRuntime, storeRuntime } from "./store/runtime.ts";
import type { Store } from "./store.ts";
import type { Observed } from "./telemetry/gauges.ts";
import type { Probe } from "./telemetry/probe.ts";
import { telemetry } from "./telemetry/telemetry.ts";
import { type Clock, systemClock } from "./time.ts";
import type { Transport } from "./transport.ts";
import { wholeNumber } from "./whole-number.ts";

const defaultCalls = 10_000;
const defaultCallBytes = 256 * 2 ** 20;
const defaultAbandoned = 1_000;

/** What nearly all parts are told. */
interface Common {
  readonly probe: Probe | undefined;
  readonly transport: Transport;
  readonly codec: Codec;
  readonly reading: Reading;
  readonly compression: Compression | undefined;
  readonly clock: Clock;
  readonly nextId: () => string;
  readonly log: Logger;
  readonly instance: string;
  readonly maxBytes: number;
  readonly maxCalls: number;
  readonly maxCallBytes: number;
  readonly maxAbandoned: number;
}

/** What sends: calls, events, entries of an outbox, retries and dead letters. */
interface Sending {
  readonly calls: Caller;
  readonly publisher: EventPublisher;
  readonly writer: EntryWriter;
  readonly ending: AbortController;
  readonly move: Move;
  readonly bury: Bury;
  readonly deliver: Deliver;
  readonly retryLater: RetryLater;
}

export interface Parts extends Common, Sending {
  /** With those that Warren makes for sagas. */
  readonly services: readonly Service[];
  readonly sagaNames: readonly string[];
  readonly hosts: readonly SagaHost[];
  readonly runtimes: readonly StoreRuntime[];
  runtimeOf(store: Store<any>): StoreRuntime | undefined;
  readonly use: readonly Middleware[];
  readonly place: Place;
  readonly random: Random;
  readonly running: Running;
  readonly presence: Presence;
  readonly scope: ScopeOf;
  /** Has what the app is made of observed; @returns ends it */
  observe(told: Pick<Observed, "isReady" | "workers">): () => void;
  scopeOf(service: Service): Pick<InstanceOptions, "service" | "use" | "scope">;
}

type ScopeOf = (
  contract: AnyContract,
  uses: Record<string, AnyContract>,
  store?: Store<any>,
  codec?: Codec,
) => InvocationScope;

/** Makes the parts and connects them; no part does anything yet. */
export function assemble(options: AppOptions): Parts {
  const { use = [], random = systemRandom } = options;
  const sagas = sagaParts(options.sagas ?? [], options.clock ?? systemClock);
  const services = [...(options.services ?? []), ...sagas.services];
  checkUnique(services);
  const common = commonParts(options, services);
  const { transport, clock, log, instance, probe } = common;
  const sending = sendingParts(options, common);
  const { calls, publisher, writer, deliver } = sending;
  const runtimes = runtimesOf(
    { ...options, services, stores: [...(options.stores ?? []), ...sagas.stores] },
    { transport, deliver, clock, log, instance },
  );
  const scope: ScopeOf = (contract, uses, store, codec = common.codec) => ({
    ...{ codec, contract, uses, instance, publisher, writer, clock },
    log: log.child({ service: contract.name }),
    caller: calls,
    runtime: store && runtimes.get(store),
    wakeSagas: store && (() => sagas.wake(store)),
  });
  const runs = running(clock, common.maxAbandoned);
  const runtimeOf = (store: Store<any>): StoreRuntime | undefined => runtimes.get(store);
  return {
    ...common,
    ...sending,
    services,
    sagaNames: sagas.names,
    hosts: sagas.host({ ...common, random, running: runs, scope, runtimeOf }),
    runtimes: [...runtimes.values()],
    runtimeOf,
    use,
    place: { around: "handlers", clock, log } satisfies Place,
    random,
    running: runs,
    presence: presence({
      ...{ ...common, random, version: options.version },
      observer: services[0] && probe?.directory(services[0].contract.name),
      contracts: services.map(({ contract }) => contract),
      active: () => runs.active,
    }),
    scope,
    observe: (told) =>
      probe?.observe({
        transport,
        services: services.map((service) => ({
          name: service.contract.name,
          queues: sharedQueues(service),
        })),
        stores: [...runtimes.keys()],
        version: options.version,
        ...told,
      }) ?? (() => {}),
    scopeOf: (service) => ({
      service,
      // What keeps events for sagas is Warren's own: nobody is to be let in there, and nothing of theirs is to be counted.
      use: sagas.services.includes(service) ? [] : use,
      scope: scope(
        service.contract,
        service.definition.uses ?? {},
        service.definition.store,
        service.definition.codec,
      ),
    }),
  };
}

function commonParts(options: AppOptions, services: readonly Service[]): Common {
  const { transport, codec = json, clock = systemClock, random = systemRandom, limits = {} } = options;
  const instance = randomId(random, 12);
  return {
    probe: telemetry(options.telemetry, { clock, instance, system: transport.name }),
    transport,
    codec,
    reading: reading(
      [codec, ...services.flatMap(({ definition }) => definition.codec ?? [])],
      transport.maxMessageBytes,
    ),
    compression: compressionOf(options.compression),
    clock,
    nextId: idSource(instance),
    log: (options.log ?? plainLogger()).child({ instance }),
    instance,
    maxBytes: transport.maxMessageBytes,
    maxCalls: wholeNumber("app: `limits.calls`", limits.calls, defaultCalls),
    maxCallBytes: wholeNumber("app: `limits.callBytes`", limits.callBytes, defaultCallBytes),
    maxAbandoned: wholeNumber("app: `limits.abandoned`", limits.abandoned, defaultAbandoned),
  };
}

function sendingParts(options: AppOptions, common: Common): Sending {
  const { transport, clock, log, instance, probe } = common;
  const { random = systemRandom, version } = options;
  const place: Place = { around: "calls", clock, log };
  const inner = intercepted(caller(common), options.outgoing ?? [], place);
  const calls = probe?.calls(inner) ?? inner;
  const publishing = probe?.publishing(transport) ?? transport;
  const publisher: EventPublisher = eventPublisher({ ...common, transport: publishing });
  const ending = new AbortController();
  // Every message that waits to be moved listens; Node.js before 24 takes more than ten for a leak.
  setMaxListeners(0, ending.signal);
  const move = mover(transport, clock, log, ending.signal);
  const bury = burying({ move, clock, log, instance, version, probe });
  return {
    calls,
    publisher,
    writer: entryWriter({ ...common, publisher }),
    ending,
    move,
    bury,
    deliver: delivery({ ...common, transport: publishing, caller: calls, bury, random }),
    retryLater: retrier({ transport, clock, log, move, bury, probe }),
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

/** Wraps a caller's calls in the app's outgoing middleware; costs nothing where there is none. */
function intercepted(calls: Caller, outgoing: NonNullable<AppOptions["outgoing"]>, place: Place): Caller {
  if (outgoing.length === 0) return calls;
  const last: MakeCall = ({ method, input, options, trail, codec }) =>
    calls.call(method, input, options, trail, codec);
  const make = outgoing.reduceRight((next, wrap) => wrap(next, place), last);
  return {
    ...calls,
    call: (method, input, options, trail, codec) => make({ method, input, options, trail, codec }),
  };
}
