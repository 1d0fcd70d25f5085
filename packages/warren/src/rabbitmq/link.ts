import { Fault } from "../fault.ts";
import { delay } from "../time.ts";
import { type AmqpConnection, openAmqp } from "./amqp.ts";
import { backoffMs } from "./backoff.ts";
import type { Credentials } from "./login.ts";
import type { Endpoint, Settings } from "./options.ts";
import type { OutageLog } from "./outage.ts";
import { loginRefusal, reasonOf, refusal } from "./refusal.ts";

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
  /** Tells the broker a new password; where it does not take that, connects anew. Resolves when one of the two is done. */
  renew(credentials: Credentials): Promise<void>;
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

/** A connection that was there for longer was fine. Not `capMs`: that one may be shorter than it takes a broker to throw us out. */
const lastedMs = 5_000;
const newSecretWithinMs = 5_000;

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
  /** Who is logged in, where a provider says so. */
  let user: string | undefined;
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
        live = await open(endpoint);
      } catch (error) {
        const text = everConnected ? undefined : refusal(endpoint, error, settings.login !== undefined);
        if (text !== undefined) return refused(endpoint, text);
        const why = told(reasonOf(error));
        setReason(`${endpoint.label}: ${why}`);
        if (!stopping.signal.aborted) outage.down(purpose, endpoint.label, "cannot connect to RabbitMQ", why);
      }
      if (live) {
        await use(live);
        live = undefined;
        // One that lasted was fine: the next attempt comes soon. One that did not keeps the growing delay.
        if (clock.now() - since > lastedMs) attempt = 0;
      }
      if (stopping.signal.aborted) return;
      // Nobody to connect for: the next use starts again.
      if (!everConnected && waiters.size === 0 && !hooks.wanted()) return;
      pause = new AbortController();
      await delay(clock, backoffMs(settings, attempt), pause.signal);
    }
  }

  async function open(endpoint: Endpoint): Promise<AmqpConnection> {
    const { login } = settings;
    if (!login) return openAmqp(endpoint, settings, purpose);
    let credentials: Credentials;
    try {
      credentials = await login.current();
    } catch (error) {
      throw new Error(`no credentials: ${reasonOf(error)}`);
    }
    if (stopping.signal.aborted) throw stopped();
    try {
      const opened = await openAmqp(endpoint, settings, purpose, credentials);
      user = credentials.username;
      return opened;
    } catch (error) {
      if (loginRefusal(endpoint.label, error) !== undefined) login.refused(credentials);
      throw error;
    }
  }

  /** What the provider of credentials throws may quote them. */
  function told(text: string): string {
    return settings.login?.redacted(text) ?? text;
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
    if (waiters.size >= maxWaiters) return Promise.reject(tooManyWait(reason));
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
    async renew({ username, password }) {
      const present = connection;
      if (!present) return;
      try {
        if (username !== user) throw new Error("the user is another one");
        await present.updateSecret(password, newSecretWithinMs);
        settings.log.debug({ broker: present.endpoint.label, purpose }, "RabbitMQ took the new password");
      } catch (error) {
        if (stopping.signal.aborted) return;
        const why = told(reasonOf(error));
        settings.log.info(
          { broker: present.endpoint.label, purpose, reason: why },
          "the new credentials need a new connection to RabbitMQ",
        );
        await present.close(1_000);
      }
    },
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

/** How many may wait for a connection at once. */
const maxWaiters = 1_000;

function tooManyWait(reason: string): Fault {
  const message = `${maxWaiters} operations wait for a connection to RabbitMQ already (${reason}). Try again later.`;
  return new Fault("OVERLOADED", { limit: maxWaiters }, { message });
}

export function stopped(): Fault {
  return new Fault("STOPPED", undefined, { message: "The transport to RabbitMQ is closed." });
}
