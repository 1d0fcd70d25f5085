import type { Codec } from "./codec/codec.ts";
import type { Event } from "./contract/contract.ts";
import { type Listener, subscriber } from "./events/subscriber.ts";
import type { Random } from "./id.ts";
import { names } from "./names.ts";
import type { DeadLetters } from "./retry/dead-letters.ts";
import type { Retrier } from "./retry/retrier.ts";
import { responder } from "./rpc/responder.ts";
import type { InvocationScope } from "./service/invocation.ts";
import { compose, type Handler, type Middleware } from "./service/middleware.ts";
import type { Running } from "./service/running.ts";
import {
  defaultConcurrency,
  defaultReactionTimeoutMs,
  eventsById,
  type ReactionOptions,
  type Service,
} from "./service/service.ts";
import { interests } from "./service/topology.ts";
import type { Clock } from "./time.ts";
import type { Consumer, Transport } from "./transport.ts";

export interface InstanceOptions {
  readonly service: Service;
  readonly scope: InvocationScope;
  readonly use: readonly Middleware[];
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly retrier: Retrier;
  readonly deadLetters: DeadLetters;
  readonly maxBytes: number;
}

/** Attaches one instance of a service to its queues, which must have been declared. Resolves when messages arrive. */
export async function consumeAs(options: InstanceOptions): Promise<readonly Consumer[]> {
  const { service, scope, transport } = options;
  const name = service.contract.name;
  const prefetch = service.definition.concurrency ?? defaultConcurrency;
  const middleware = [...options.use, ...(service.definition.use ?? [])];
  const answer = responder({ ...options, middleware });
  const { group, everyInstance } = interests(service);
  const hear = (queue: string, ids: readonly string[]): Promise<Consumer>[] =>
    ids.length === 0
      ? []
      : [
          transport.consume(
            queue,
            subscriber({ ...options, queue, listeners: listenersOf(service, ids, middleware) }),
            { prefetch },
          ),
        ];
  return Promise.all([
    transport.consume(names.requests(name), answer, { prefetch }),
    transport.consume(names.instance(name, scope.instance), answer, { prefetch }),
    ...hear(names.events(name), group),
    ...hear(names.instanceEvents(name, scope.instance), everyInstance),
  ]);
}

function listenersOf(
  service: Service,
  ids: readonly string[],
  middleware: readonly Middleware[],
): Listener[] {
  const { contract, definition } = service;
  const events = eventsById([
    contract,
    ...Object.values((definition.uses ?? {}) as Record<string, typeof contract>),
  ]);
  return ids.map((id) => {
    const reaction = (definition.on as Record<string, Handler | ReactionOptions<any, any>>)[id]!;
    const options: ReactionOptions<any, any> = typeof reaction === "function" ? { run: reaction } : reaction;
    return {
      event: events.get(id) as Event,
      handler: compose(middleware, options.run as Handler),
      retry: options.retry ?? definition.retry ?? {},
      timeoutMs: options.timeoutMs ?? defaultReactionTimeoutMs,
    };
  });
}
