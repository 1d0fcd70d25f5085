import type { Logger } from "../log.ts";
import { outage } from "../outage.ts";
import { textOf } from "../retry/error-text.ts";
import type { Store } from "../store.ts";
import { type Clock, delay } from "../time.ts";
import type { Check } from "./health.ts";

/** How long a database has to answer, and how long its answer is good for, in milliseconds. */
const timeoutMs = 1_000;
const freshMs = 1_000;

/** Asks a store whether its database is there: however many want to know, it is asked once a second at the most. */
export function storeCheck(store: Store<any>, clock: Clock, log: Logger): () => Promise<Check> {
  const away = outage(
    log,
    { began: "a database does not answer", ended: "a database answers again" },
    { store: store.name },
  );
  const now = (): number => clock.steady?.() ?? clock.now();
  let known: { readonly check: Check; readonly at: number } | undefined;
  let checking: Promise<Check> | undefined;
  /** One that has not even failed yet is not asked again. */
  let asking: Promise<Check> | undefined;

  function ask(): Promise<Check> {
    return store.ping(timeoutMs).then(
      () => ({ ok: true }),
      (error: unknown) => ({ ok: false, reason: "it does not answer", detail: textOf(error, 500) }),
    );
  }

  async function check(): Promise<Check> {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    const over = new AbortController();
    const late = delay(clock, timeoutMs, over.signal).then(() => {
      const reason = `no answer within ${timeoutMs} ms`;
      return { ok: false, reason, detail: `the store ${store.name} gave ${reason}` };
    });
    const found: Check = await Promise.race([asking, late]);
    over.abort();
    if (found.ok) away.ended();
    else away.began(found.detail);
    known = { check: found, at: now() };
    return found;
  }

  return async () => {
    if (known !== undefined && now() - known.at < freshMs) return known.check;
    checking ??= check().finally(() => {
      checking = undefined;
    });
    return checking;
  };
}
