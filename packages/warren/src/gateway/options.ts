import type { KeyObject } from "node:crypto";
import type { JSONWebKeySet } from "jose";
import type { Principal } from "../index.ts";
import type { PushOptions } from "./push/rule.ts";

/** What the edge can be told. Every default is the safe one. */
export interface GatewayOptions {
  /** What all routes start with: `"/api"`. @default none */
  readonly prefix?: string;
  /** How callers prove who they are. Without it, a contract with a method that is not for anyone does not start. */
  readonly auth?: AuthOptions;
  /** A signed cookie for methods whose binding names `session`. */
  readonly session?: SessionOptions;
  /** Origins whose pages may call from a browser: `["https://shop.example"]`. @default none but the page's own */
  readonly cors?: readonly string[];
  /** Longest request body, in bytes; beyond it 413. @default 1 MiB */
  readonly bodyLimitBytes?: number;
  /** At most `max` requests of one address within `windowMs`; beyond it 429. @default no limit */
  readonly rateLimit?: { readonly max: number; readonly windowMs: number };
  /** Requests worked on at once; beyond it 503 OVERLOADED. @default 1_000 */
  readonly maxInFlight?: number;
  /**
   * What a request does while no instance of its service runs: `wait` for one until the method's timeout, as across a
   * restart, or `fail` at once with 503. A route may say otherwise for itself. @default "wait"
   */
  readonly ifDown?: "wait" | "fail";
  /** The OpenAPI document at `/openapi.json` and a page to browse it. `false`: neither. */
  readonly docs?: DocsOptions | false;
  /**
   * `/health/live` and `/health/ready`, for load balancers: at the top of a server of its own, whatever its `prefix`, and below
   * the `prefix` of a mounted gateway. `false`: neither.
   */
  readonly health?: { /** @default "/health" */ readonly path?: string } | false;
  /** Which events connected clients are told of. */
  readonly push?: PushOptions;
}

export interface ServerOptions extends GatewayOptions {
  /**
   * Whose `X-Forwarded-*` headers are believed: the addresses of the proxies before this server (`"10.0.0.0/8"`). `true` believes
   * anybody, so that whoever can reach the server can lie about their address. @default false
   */
  readonly trustProxy?: boolean | string;
  /** Whether `/movies/` is the same address as `/movies`. @default false */
  readonly ignoreTrailingSlash?: boolean;
}

export interface DocsOptions {
  /** @default "API" */
  readonly title?: string;
  /** @default "0.0.0" */
  readonly version?: string;
  /** @default "/docs" */
  readonly path?: string;
}

/**
 * Bearer tokens (JWT). Exactly one of `secret`, `publicKey` and `jwks`. A token must carry `sub` and `exp`; clocks may
 * differ by 5 seconds.
 */
export interface AuthOptions {
  /** A shared secret of at least 32 bytes, for HS256. */
  readonly secret?: string | Uint8Array;
  /** The issuer's public key: PEM (SPKI), or a key that is already read. */
  readonly publicKey?: string | KeyObject;
  /** The issuer's key set, or the address to fetch it from. */
  readonly jwks?: string | URL | JSONWebKeySet;
  readonly issuer?: string;
  readonly audience?: string | readonly string[];
  /** Signatures that are accepted, and no others; never `"none"`. @default HS256 for `secret`, else RS256, PS256, ES256 and EdDSA */
  readonly algorithms?: readonly string[];
  /** The claim that holds the scopes: words in a string, or an array. @default "scope" */
  readonly scopesClaim?: string;
  /** Claims that services get to see in `principal.claims`. @default none */
  readonly passClaims?: readonly string[];
}

/** The content of the session is readable by its owner, and cannot be changed by them. At most about 3,000 bytes of JSON. */
export interface SessionOptions {
  /** At least 32 characters each. The first signs, all are accepted: put a new one first to rotate. */
  readonly secrets: readonly string[];
  /** @default "session" */
  readonly name?: string;
  /** How long a session lasts without being set again. @default 7 days */
  readonly maxAgeSeconds?: number;
  /** Only sent over HTTPS. @default where NODE_ENV is "production" or the request itself came over HTTPS */
  readonly secure?: boolean;
  /** Who the session stands for, where it may stand in for a token. @default nobody */
  readonly principal?: (content: unknown) => Principal | undefined;
}

export const defaultBodyLimitBytes: number = 1024 * 1024;
export const defaultMaxInFlight = 1_000;
