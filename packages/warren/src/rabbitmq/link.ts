import { Fault } from "../fault.ts";
import { delay } from "../time.ts";
import { type AmqpConnection, openAmqp } from "./amqp.ts";
import { backoffMs } from "./backoff.ts";
import type { Endpoint, Settings } from "./options.ts";
import type { OutageLog } from "./outage.ts";
import { reasonOf, refusal } from "./refusal.ts";

/** A connection that comes back: one of the brokers, whichever answers, until it is stopped. */
export interface Link {
  /** The connection, once set up and as long as it lives. */
  readonly connection: AmqpConnection | undefined;
  /** Why there is none, in words. */
  readonly reason: string;
  /** Starts connecting where that has not begun. */
  start(): void;
  /** There is reason to believe that a broker is back: tries at once. */
  hurry(): void;
  /**
   * Waits for a connection, starting where necessary.
   * @throws Fault UNAVAILABLE naming the broker and its last error; at once where the first attempt was refused
   */
  ready(): Promise<AmqpConnection>;
  stop(waitMs: number): Promise<void>;
}

export interface LinkHooks {
  /** Makes a new connection usable. One that fails here is closed and counts as not connected. */
  setUp(connection: AmqpConnection): Promise<void>;
  /** `connection` or `reason` changed. */
  changed(): void;
  /** Something besides the callers of `ready` waits for a first connection. */
  wanted(): boolean;
  /** The very first connection was refused, by login or by TLS: the link is idle again. */
  refused(fault: Fault): void;
}

interface Waiter {
  resolve(connection: AmqpConnection): void;
  reject(fault: Fault): void;
}

export function link(settings: Settings, purpose: string, outage: OutageLog, hooks: LinkHooks): Link {
  const { clock, random, endpoints } = settings;
  const waiters = new Set<Waiter>();
  const stopping = new AbortController();
  let pause = new AbortController();
  let running: Promise<void> | undefined;
  let everConnected = false;
  let connection: AmqpConnection | undefined;
  /** Connected, perhaps not set up yet. */
  let live: AmqpConnection | undefined;
  let reason = "not connected yet";
  let host = Math.floor(random() * endpoints.length);

  function start(): void {
    if (running || stopping.signal.aborted) return;
    running = run().finally(() => {
      running = undefined;
    });
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      const endpoint = endpoints[host++ % endpoints.length]!;
      const since = clock.now();
      try {
        live = await openAmqp(endpoint, settings, purpose);
      } catch (error) {
        const text = everConnected ? undefined : refusal(endpoint, error);
        if (text !== undefined) return refused(endpoint, text);
        const why = reasonOf(error);
        setReason(`${endpoint.label}: ${why}`);
        if (!stopping.signal.aborted) outage.down(purpose, endpoint.label, "cannot connect to RabbitMQ", why);
      }
      if (live) {
        await use(live);
        live = undefined;
        // One that lasted was fine: the next attempt comes soon. One that did not keeps the growing delay.
        if (clock.now() - since > settings.capMs) attempt = 0;
      }
      if (stopping.signal.aborted) return;
      // Nobody to connect for: the next use starts again.
      if (!everConnected && waiters.size === 0 && !hooks.wanted()) return;
      pause = new AbortController();
      await delay(clock, backoffMs(settings, attempt), pause.signal);
    }
  }

  /** Until the connection is gone. */
  async function use(opened: AmqpConnection): Promise<void> {
    const { label } = opened.endpoint;
    everConnected = true;
    if (stopping.signal.aborted) return opened.close(1_000);
    try {
      await hooks.setUp(opened);
      if (opened.open) {
        outage.up(purpose, label);
        connection = opened;
        for (const waiter of waiters) waiter.resolve(opened);
        waiters.clear();
        hooks.changed();
      }
    } catch (error) {
      // Where the connection broke, this is what came of it, and the cause follows below.
      if (opened.open) outage.down(purpose, label, "cannot use the connection to RabbitMQ", reasonOf(error));
      await opened.close(1_000);
    }
    const why = reasonOf(await opened.closed);
    connection = undefined;
    setReason(`connection to ${label} lost: ${why}`);
    if (!stopping.signal.aborted) outage.down(purpose, label, "lost the connection to RabbitMQ", why);
  }

  /** Without a cause: the text quotes it, and a printed fault would show the stack and the whole certificate with it. */
  function refused(endpoint: Endpoint, text: string): void {
    const fault = new Fault("UNAVAILABLE", { broker: endpoint.label }, { message: text });
    outage.refused(purpose, endpoint.label, text);
    for (const waiter of waiters) waiter.reject(fault);
    waiters.clear();
    setReason(text);
    hooks.refused(fault);
  }

  function setReason(text: string): void {
    reason = text;
    hooks.changed();
  }

  function ready(): Promise<AmqpConnection> {
    if (connection) return Promise.resolve(connection);
    if (stopping.signal.aborted) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      const timer = clock.after(settings.connectTimeoutMs, () => {
        waiters.delete(waiter);
        const where = endpoints.map((endpoint) => endpoint.label).join(", ");
        const text = `No RabbitMQ at ${where} within ${settings.connectTimeoutMs} ms (${reason}). Start one, or correct the URL.`;
        reject(new Fault("UNAVAILABLE", { broker: where }, { message: text }));
      });
      const waiter: Waiter = {
        resolve(opened) {
          timer.cancel();
          resolve(opened);
        },
        reject(fault) {
          timer.cancel();
          reject(fault);
        },
      };
      waiters.add(waiter);
      start();
    });
  }

  return {
    get connection() {
      return connection;
    },
    get reason() {
      return reason;
    },
    start,
    hurry: () => pause.abort(),
    ready,
    async stop(waitMs) {
      stopping.abort();
      pause.abort();
      for (const waiter of waiters) waiter.reject(stopped());
      waiters.clear();
      // The loop itself is not awaited: an attempt under way ends by its own time limit, and is closed then.
      await live?.close(waitMs);
      setReason("closed");
    },
  };
}

export function stopped(): Fault {
  return new Fault("STOPPED", undefined, { message: "The transport to RabbitMQ is closed." });
}
