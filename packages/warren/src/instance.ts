import type { Codec } from "./codec/codec.ts";
import type { Event } from "./contract/contract.ts";
import { inOrder, orderedPrefetch } from "./events/in-order.ts";
import { quarantine } from "./events/quarantine.ts";
import type { Listener, Undo } from "./events/reacting.ts";
import { subscriber } from "./events/subscriber.ts";
import type { Random } from "./id.ts";
import { names } from "./names.ts";
import { spreading } from "./reaction/spreading.ts";
import type { Bury } from "./retry/bury.ts";
import type { Move } from "./retry/move.ts";
import type { RetryLater } from "./retry/retrier.ts";
import { responder } from "./rpc/responder.ts";
import { keepSchedules } from "./schedule/schedules.ts";
import type { InvocationScope } from "./service/invocation.ts";
import {
  compose,
  type Handler,
  type Middleware,
  type Place,
  type PlacedMiddleware,
  placed,
} from "./service/middleware.ts";
import type { Running } from "./service/running.ts";
import {
  defaultConcurrency,
  defaultReactionTimeoutMs,
  eventsById,
  type ReactionOptions,
  type Service,
} from "./service/service.ts";
import { interests } from "./service/topology.ts";
import type { Probe } from "./telemetry/probe.ts";
import type { Clock } from "./time.ts";
import type { Consumer, Handle, Transport } from "./transport.ts";

export interface InstanceOptions {
  readonly service: Service;
  readonly scope: InvocationScope;
  readonly use: readonly Middleware[];
  readonly place: Place;
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly move: Move;
  readonly bury: Bury;
  readonly retryLater: RetryLater;
  readonly maxBytes: number;
  readonly probe: Probe | undefined;
}

/**
 * Attaches one instance of a service to its queues, which must have been declared, and to its schedules. Each resolves when
 * its messages arrive.
 */
export function consumeAs(options: InstanceOptions): readonly Promise<Consumer>[] {
  const { service, scope, transport } = options;
  const name = service.contract.name;
  const prefetch = service.definition.concurrency ?? defaultConcurrency;
  const middleware = placed([...options.use, ...(service.definition.use ?? [])], options.place);
  const answer = responder({ ...options, middleware });
  const { group, ordered, everyInstance } = interests(service);
  const hear = (queue: string, ids: readonly string[], marked = true): Handle =>
    subscriber({
      ...options,
      queue,
      listeners: listenersOf(service, ids, middleware).map((listener) => ({ ...listener, marked })),
    });
  const consuming = [
    transport.consume(names.requests(name), answer, { prefetch }),
    transport.consume(names.instance(name, scope.instance), answer, { prefetch }),
  ];
  if (group.length > 0) {
    const { sparing, alone } = quarantine({
      ...options,
      service: name,
      hear: hear(names.events(name), group),
      log: scope.log,
    });
    consuming.push(
      transport.consume(names.events(name), sparing.handle, { prefetch, lost: sparing.lost }),
      transport.consume(names.quarantine(name), alone.handle, { prefetch: 1, lost: alone.lost }),
    );
  }
  if (ordered.length > 0)
    consuming.push(consumeInOrder(options, prefetch, listenersOf(service, ordered, middleware)));
  if (everyInstance.length > 0) {
    const queue = names.instanceEvents(name, scope.instance);
    consuming.push(transport.consume(queue, hear(queue, everyInstance, false), { prefetch }));
  }
  const kept = keepSchedules(options, middleware).map((schedule) => Promise.resolve(schedule));
  return [...consuming, ...kept];
}

async function consumeInOrder(
  options: InstanceOptions,
  concurrency: number,
  listeners: readonly Listener[],
): Promise<Consumer> {
  const queue = names.orderedEvents(options.service.contract.name);
  const { handle, lost, stop } = inOrder({ ...options, queue, concurrency, listeners });
  const consumer = await options.transport.consume(queue, handle, {
    prefetch: orderedPrefetch,
    inOrder: true,
    lost,
  });
  return {
    stop() {
      const stopped = consumer.stop();
      stop();
      return stopped;
    },
  };
}

function listenersOf(
  service: Service,
  ids: readonly string[],
  middleware: readonly PlacedMiddleware[],
): Listener[] {
  const { contract, definition } = service;
  const events = eventsById([
    contract,
    ...Object.values((definition.uses ?? {}) as Record<string, typeof contract>),
  ]);
  const reactions = Object.entries(
    (definition.on ?? {}) as Record<string, Handler | ReactionOptions<any, any>>,
  ).map(([id, reaction]): readonly [string, ReactionOptions<any, any>] => [
    id,
    typeof reaction === "function" ? { run: reaction } : reaction,
  ]);
  const byId = new Map(reactions);
  const common = { retry: definition.retry ?? {}, timeoutMs: defaultReactionTimeoutMs };
  return ids.map((id) => {
    const undos = undosOn(id, reactions, middleware, common);
    const event = events.get(id) as Event;
    const options = byId.get(id);
    if (options === undefined) return { ...common, retry: undos[0]!.retry, event, undos };
    const { run, inOrder, emits, key, undo, gaveUp } = options;
    const journalled = (undo !== undefined || gaveUp !== undefined) && {
      key,
      gaveUp: gaveUp && compose(middleware, spreading(gaveUp as Handler)),
    };
    return {
      event,
      handler: compose(middleware, run as Handler),
      retry: options.retry ?? common.retry,
      timeoutMs: options.timeoutMs ?? common.timeoutMs,
      inOrder,
      emits,
      undos,
      ...(journalled && { journalled }),
    };
  });
}

/** What is undone on an event: of each reaction that names it. */
function undosOn(
  id: string,
  reactions: readonly (readonly [string, ReactionOptions<any, any>])[],
  middleware: readonly PlacedMiddleware[],
  common: Pick<Undo, "retry" | "timeoutMs">,
): Undo[] {
  return reactions.flatMap(([reaction, { undo, key, emits, retry, timeoutMs }]) => {
    const handler = (undo as Record<string, Handler> | undefined)?.[id];
    if (handler === undefined) return [];
    return {
      reaction,
      handler: compose(middleware, spreading(handler)),
      retry: retry ?? common.retry,
      timeoutMs: timeoutMs ?? common.timeoutMs,
      key,
      emits,
    };
  });
}
