import { type Random, systemRandom } from "../id.ts";
import { type Logger, silent } from "../log.ts";
import { type Clock, systemClock } from "../time.ts";
import { wholeNumber } from "../whole-number.ts";
import { type CredentialsProvider, type LoginSource, loginSource } from "./login.ts";

export interface RabbitmqOptions {
  /** `amqp://user:password@host:5672/vhost`, or `amqps://` for TLS. What follows a `?` is not read. @default amqp://guest:guest@127.0.0.1:5672 */
  readonly url?: string;
  /** The nodes of a cluster, tried in turn. Replaces `url`. */
  readonly urls?: readonly string[];
  /**
   * Asked for user name and password before each attempt to connect, instead of the URL; both connections use an
   * answer that is still good. A login that is refused is then not final: it asks again. With `expiresInMs` it is asked
   * again in time, and the broker is told the new password on the open connections. One that throws is logged and asked
   * again.
   */
  readonly credentials?: CredentialsProvider;
  /** For `amqps://`. A certificate and no password in the URL log in by the certificate (EXTERNAL). */
  readonly tls?: RabbitmqTls;
  /** A connection that is silent for two of these is given up. At least 1: without heartbeats a dead peer is never noticed. @default 10 */
  readonly heartbeatSeconds?: number;
  /** How long `declare`, `consume`, `replies` and `inspect` wait for a broker. @default 30_000 */
  readonly connectTimeoutMs?: number;
  /** How long a publish may stay unconfirmed, reconnects and retries included. @default 30_000 */
  readonly publishTimeoutMs?: number;
  /**
   * A publish that is unconfirmed for longer, though the connection is well, is published again on a new channel under
   * the same id. Twice as long on each try that brings no confirm at all, since a broker that is merely slow must not get more
   * to do. @default 10_000
   */
  readonly confirmTimeoutMs?: number;
  /**
   * How often (± a quarter) everything that was declared is declared again, so that what somebody deleted comes back by
   * itself. Costs one channel, and a round trip for each exchange, queue and binding. @default 10_000
   */
  readonly assertEveryMs?: number;
  /** How many publishes may be on their way to the broker at once. @default 2_000 */
  readonly maxUnconfirmed?: number;
  /** How many publishes may wait for one of those places; more are OVERLOADED. @default 10_000 */
  readonly maxWaiting?: number;
  /** How many bytes the bodies of all publishes under way may take together; more are OVERLOADED. @default 256 MiB */
  readonly maxWaitingBytes?: number;
  /** Larger bodies are TOO_LARGE. RabbitMQ 4 takes 16 MiB unless told otherwise. @default 16 MiB */
  readonly maxMessageBytes?: number;
  /** Attempt n waits a random time up to `baseMs` · 2ⁿ, at most `capMs` (full jitter). @default 100 and 1_000 */
  readonly reconnect?: { readonly baseMs?: number; readonly capMs?: number };
  /** Shown in the broker's list of connections, as "warren <name> publish" and "warren <name> consume". */
  readonly name?: string;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** PEM texts, as for `tls.connect`. */
export interface RabbitmqTls {
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** One broker, its address taken apart. */
export interface Endpoint {
  readonly protocol: "amqp" | "amqps";
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Percent-encoded, as in the URL. */
  readonly vhost: string;
  /** Log in by the client certificate. */
  readonly external: boolean;
  /** `host:port`, the part of the URL that may be shown. */
  readonly label: string;
}

/** The options with every default filled in. */
export interface Settings {
  readonly endpoints: readonly Endpoint[];
  readonly login: LoginSource | undefined;
  readonly tls: RabbitmqTls;
  readonly heartbeatSeconds: number;
  readonly connectTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly confirmTimeoutMs: number;
  readonly assertEveryMs: number;
  readonly maxUnconfirmed: number;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly maxMessageBytes: number;
  readonly baseMs: number;
  readonly capMs: number;
  readonly name: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

const defaultUrl = "amqp://guest:guest@127.0.0.1:5672";

/** @throws Error naming the option that makes no sense */
export function readOptions(given: string | RabbitmqOptions): Settings {
  const options = typeof given === "string" ? { url: given } : given;
  const urls = options.urls ?? [options.url ?? defaultUrl];
  if (urls.length === 0) throw new Error("rabbitmq: `urls` is empty; give at least one amqp:// URL.");
  const tls = options.tls ?? {};
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  return {
    endpoints: urls.map((url) => endpoint(url, tls)),
    login: options.credentials && loginSource(options.credentials, clock, random),
    tls,
    heartbeatSeconds: whole("heartbeatSeconds", options.heartbeatSeconds, 10, 65_535),
    connectTimeoutMs: whole("connectTimeoutMs", options.connectTimeoutMs, 30_000),
    publishTimeoutMs: whole("publishTimeoutMs", options.publishTimeoutMs, 30_000),
    confirmTimeoutMs: whole("confirmTimeoutMs", options.confirmTimeoutMs, 10_000),
    assertEveryMs: whole("assertEveryMs", options.assertEveryMs, 10_000),
    maxUnconfirmed: whole("maxUnconfirmed", options.maxUnconfirmed, 2_000),
    maxWaiting: whole("maxWaiting", options.maxWaiting, 10_000),
    maxWaitingBytes: whole("maxWaitingBytes", options.maxWaitingBytes, 256 * 2 ** 20),
    maxMessageBytes: whole("maxMessageBytes", options.maxMessageBytes, 16 * 2 ** 20),
    baseMs: whole("reconnect.baseMs", options.reconnect?.baseMs, 100),
    capMs: whole("reconnect.capMs", options.reconnect?.capMs, 1_000),
    name: options.name ?? "",
    log: options.log ?? silent,
    clock,
    random,
  };
}

function whole(name: string, given: number | undefined, byDefault: number, max?: number): number {
  return wholeNumber(`rabbitmq: \`${name}\``, given, byDefault, 1, max);
}

/** The URL never appears in an error: it holds the password. */
function endpoint(text: string, tls: RabbitmqTls): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.hostname || (url.protocol !== "amqp:" && url.protocol !== "amqps:")) {
    throw new Error(
      "rabbitmq: the URL of a broker looks like amqp://user:password@host:5672/vhost, or amqps://…",
    );
  }
  const secure = url.protocol === "amqps:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (secure ? 5671 : 5672) : Number(url.port);
  const anonymous = url.username === "" && url.password === "";
  return {
    protocol: secure ? "amqps" : "amqp",
    host,
    port,
    user: anonymous ? "guest" : decoded(url.username),
    password: anonymous ? "guest" : decoded(url.password),
    vhost: url.pathname.slice(1) || "%2F",
    external: secure && url.password === "" && tls.cert !== undefined,
    label: `${url.hostname}:${port}`,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(
      "rabbitmq: user name or password in the URL is not percent-encoded; encode each % as %25.",
    );
  }
}
