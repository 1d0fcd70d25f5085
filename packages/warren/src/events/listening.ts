import { aboutMessage } from "../about-message.ts";
import type { Codec } from "../codec/codec.ts";
import type { Event } from "../contract/contract.ts";
import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Incoming } from "../message.ts";
import type { DeathNotice } from "../retry/bury.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { Handler } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import { defaultReactionTimeoutMs } from "../service/service.ts";
import { listenerTopology } from "../service/topology.ts";
import type { Clock } from "../time.ts";
import type { Consumer, Disposition, Transport } from "../transport.ts";
import { subscriber } from "./subscriber.ts";

export interface ListeningOptions {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly log: Logger;
  readonly scope: InvocationScope;
}

const prefetch = 100;

/** Hears an event in this process, over a queue of its own: nothing is kept for later, and a failure is only logged. */
export async function listen(
  options: ListeningOptions,
  queue: string,
  event: Event,
  handler: Handler,
): Promise<Consumer> {
  const { transport, log } = options;
  await transport.declare(listenerTopology(queue, event.id));
  const drop = async (message: Incoming, notice: DeathNotice): Promise<Disposition> => {
    log.error({ ...aboutMessage(message), err: notice.error }, "a listener failed; the event is gone for it");
    return "ack";
  };
  const hear = subscriber({
    ...options,
    queue,
    listeners: [{ event, handler, retry: { attempts: 1 }, timeoutMs: defaultReactionTimeoutMs }],
    bury: drop,
    retryLater: (message, _delayMs, notice) => drop(message, notice),
  });
  return transport.consume(queue, hear, { prefetch });
}
