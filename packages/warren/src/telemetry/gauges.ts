import type { Attributes, BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import { type Depth, outboxDepth } from "../outbox/depth.ts";
import type { Store } from "../store.ts";
import type { QueueState, Transport } from "../transport.ts";
import type { Signals } from "./signals.ts";

/** What can be asked for at any time, and is asked when metrics are collected. */
export interface Observed {
  readonly transport: Pick<Transport, "inspect" | "state">;
  /** The services of this process, and the queues that all instances of each share. */
  readonly services: readonly { readonly name: string; readonly queues: readonly string[] }[];
  readonly stores: readonly Store<any>[];
  readonly version: string | undefined;
  readonly isReady: () => boolean;
  /** How many instances of each service are alive in the whole system, where this process knows. */
  readonly workers?: () => ReadonlyMap<string, number>;
}

/** What takes longer is not waited for: a collection is not to fail, nor to wait, for a broker that does not answer. */
const patienceMs = 2_000;

/** Tells one thing; asks for nothing while it is still being asked. */
type Look = (
  tell: (name: GaugeName, value: number, attributes: Attributes) => void,
) => Promise<void> | undefined;

const gauges = {
  "warren.queue.messages": ["{message}", "Messages ready in a queue that all instances of a service share."],
  "warren.queue.consumers": ["{consumer}", "Consumers of that queue."],
  "warren.outbox.entries": ["{message}", "Messages in a store's outbox, counted up to 100,000."],
  "warren.outbox.oldest_age": ["s", "How long the oldest message that is due waits in a store's outbox."],
  "warren.instances": ["{instance}", "Instances of services in this process."],
  microservices_workers_total: ["", "Instances of a service that are alive."],
  microservices_connected_workers: ["", "Instances of all services that are alive."],
  "warren.ready": ["", "Whether this process can work: 1 or 0."],
} as const;

type GaugeName = keyof typeof gauges;

/** @returns ends it: what an app told is told no longer */
export function observe(meter: Meter, { clock, instance }: Signals, observed: Observed): () => void {
  const { transport, services, stores, version = "", isReady, workers } = observed;
  const made = new Map<GaugeName, Observable>(
    Object.entries(gauges).map(([name, [unit, description]]) => [
      name as GaugeName,
      meter.createObservableGauge(name, { unit, description }),
    ]),
  );
  const own = services.map(({ name }) => ({ service: name, version, instance }));
  const looks: Look[] = [
    ...services.flatMap(({ name, queues }) => queues.map((queue) => queueLook(transport, name, queue))),
    ...stores.map((store, index) => outboxLook(store, labelOf(stores, index), () => clock.now())),
  ];

  async function collect(result: BatchObservableResult): Promise<void> {
    const answers: (() => void)[] = [];
    const tell: Parameters<Look>[0] = (name, value, attributes) =>
      void answers.push(() => result.observe(made.get(name)!, value, attributes));
    tell("warren.ready", isReady() ? 1 : 0, {});
    tellWorkers(workers?.(), tell);
    for (const attributes of own) tell("warren.instances", 1, attributes);
    const all = Promise.allSettled(looks.map((look) => look(tell)));
    const over = Promise.withResolvers<void>();
    const timer = clock.after(patienceMs, over.resolve);
    await Promise.race([all, over.promise]);
    timer.cancel();
    // What answers later must not tell anything any more: it would be of another collection.
    for (const answer of answers.splice(0)) answer();
  }

  const instruments = [...made.values()];
  meter.addBatchObservableCallback(collect, instruments);
  return () => meter.removeBatchObservableCallback(collect, instruments);
}

function tellWorkers(alive: ReadonlyMap<string, number> | undefined, tell: Parameters<Look>[0]): void {
  if (alive === undefined) return;
  let all = 0;
  for (const [type, count] of alive) {
    all += count;
    tell("microservices_workers_total", count, { type });
  }
  tell("microservices_connected_workers", all, {});
}

/** Two stores of one kind are told apart by their place in the app. */
function labelOf(stores: readonly Store<any>[], index: number): string {
  const { name } = stores[index]!;
  const before = stores.slice(0, index).filter((other) => other.name === name).length;
  return before === 0 ? name : `${name}-${before + 1}`;
}

function queueLook(transport: Observed["transport"], service: string, queue: string): Look {
  const ask = once((): Promise<QueueState | undefined> => transport.inspect(queue));
  const attributes = { service, queue };
  return (tell) =>
    // Without a connection this would wait for one.
    transport.state.publishing
      ? ask()?.then((state) => {
          if (state === undefined) return;
          tell("warren.queue.messages", state.messages, attributes);
          tell("warren.queue.consumers", state.consumers, attributes);
        })
      : undefined;
}

function outboxLook(store: Store<any>, label: string, now: () => number): Look {
  const ask = once((): Promise<Depth> => outboxDepth(store, now()));
  const attributes = { store: label };
  return (tell) =>
    ask()?.then(({ entries, oldestAgeMs }) => {
      tell("warren.outbox.entries", entries, attributes);
      tell("warren.outbox.oldest_age", oldestAgeMs / 1_000, attributes);
    });
}

/** Gives `undefined` while an earlier question is not answered: those of many collections would pile up. */
function once<T>(ask: () => Promise<T>): () => Promise<T> | undefined {
  let isAsking = false;
  return () => {
    if (isAsking) return undefined;
    isAsking = true;
    return ask().finally(() => {
      isAsking = false;
    });
  };
}
