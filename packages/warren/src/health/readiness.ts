import type { Logger } from "../log.ts";
import type { Store } from "../store.ts";
import type { Clock } from "../time.ts";
import type { Transport, TransportState } from "../transport.ts";
import type { Check, Health } from "./health.ts";
import { storeCheck } from "./store-check.ts";

export interface ReadinessOptions {
  /** Why the process takes no work by itself, as while it starts; `undefined` while it does. */
  readonly idle: () => string | undefined;
  readonly transport: Transport;
  readonly stores: readonly Store<any>[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells whether a process can do its work. Never rejects. */
export function readiness({ idle, transport, stores, clock, log }: ReadinessOptions): () => Promise<Health> {
  // Whoever names a store like another check hides neither.
  const taken = ["app", "transport"];
  const asked = stores.map((store) => {
    const before = taken.filter((name) => name === store.name).length;
    taken.push(store.name);
    return [
      before === 0 ? store.name : `${store.name}-${before + 1}`,
      storeCheck(store, clock, log),
    ] as const;
  });

  return async () => {
    const found: Record<string, Check> = {};
    // A process that does not work yet, or no more, has its stores closed.
    if (idle() === undefined)
      for (const [name, check] of await Promise.all(
        asked.map(async ([name, ask]) => [name, await ask()] as const),
      ))
        found[name] = check;
    // What is known without asking comes last: it may have changed meanwhile.
    const reason = idle();
    const checks = {
      app: { ok: reason === undefined, reason },
      transport: transportCheck(transport.state),
      ...found,
    };
    const failed = Object.values<Check>(checks).find(({ ok }) => !ok);
    return { ready: failed === undefined, reason: failed && (failed.detail ?? failed.reason), checks };
  };
}

function transportCheck({ publishing, consuming, reason: detail }: TransportState): Check {
  if (publishing && consuming) return { ok: true };
  if (publishing) return { ok: false, reason: "not every consumer is attached", detail };
  const reason = consuming ? "the broker takes no messages" : "the broker is away, or takes no messages";
  return { ok: false, reason, detail };
}
