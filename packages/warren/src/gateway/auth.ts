import { createPublicKey } from "node:crypto";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";
import { type Clock, Fault, isFault, type Principal } from "../index.ts";
import type { AuthOptions } from "./options.ts";

/** A token that was found good. */
export interface Verified {
  readonly principal: Principal;
  /** When the token ends, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * Checks a token's signature, issuer, audience and times.
 * @throws Fault UNAUTHENTICATED saying in general words why, UNAVAILABLE when the issuer's keys cannot be fetched
 */
export type Verify = (token: string) => Promise<Verified>;

const clockToleranceSeconds = 5;
const asymmetric = ["RS256", "PS256", "ES256", "EdDSA"];

/** @throws TypeError where the keys do not suffice to check a token safely */
export function tokenVerifier(options: AuthOptions, clock: Clock): Verify {
  const key = keyOf(options);
  const algorithms = options.algorithms ?? (options.secret === undefined ? asymmetric : ["HS256"]);
  const remote = typeof options.jwks === "string" || options.jwks instanceof URL;
  checkAlgorithms(algorithms, options.secret !== undefined);
  const checks: JWTVerifyOptions = {
    algorithms: [...algorithms],
    requiredClaims: ["sub", "exp"],
    clockTolerance: clockToleranceSeconds,
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.audience === undefined
      ? {}
      : { audience: typeof options.audience === "string" ? options.audience : [...options.audience] }),
  };
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, key, { ...checks, currentDate: new Date(clock.now()) });
      return {
        principal: principalOf(payload, options),
        expiresAt: ((payload.exp ?? 0) + clockToleranceSeconds) * 1_000,
      };
    } catch (error) {
      throw refusal(error, remote);
    }
  };
}

function keyOf({ secret, publicKey, jwks }: AuthOptions): JWTVerifyGetKey {
  const given = [secret, publicKey, jwks].filter((key) => key !== undefined).length;
  if (given !== 1)
    throw new TypeError(`auth: give exactly one of secret, publicKey and jwks; there are ${given}.`);
  if (secret !== undefined) {
    const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
    if (bytes.length < 32)
      throw new TypeError(`auth.secret has ${bytes.length} bytes: HS256 needs at least 32.`);
    return async () => bytes;
  }
  if (publicKey !== undefined) {
    const read = typeof publicKey === "string" ? createPublicKey(publicKey) : publicKey;
    if (read.type !== "public")
      throw new TypeError(`auth.publicKey is a ${read.type} key: give the public one.`);
    return async () => read;
  }
  if (typeof jwks === "string" || jwks instanceof URL)
    return createRemoteJWKSet(new URL(jwks), {
      timeoutDuration: 5_000,
      cooldownDuration: 30_000,
      cacheMaxAge: 600_000,
    });
  return createLocalJWKSet(jwks!);
}

function checkAlgorithms(algorithms: readonly string[], symmetric: boolean): void {
  if (algorithms.length === 0) throw new TypeError("auth.algorithms is empty: name at least one.");
  // A public key taken for a shared secret is how tokens are forged: the two kinds never mix.
  for (const algorithm of algorithms)
    if (algorithm.toLowerCase() === "none" || algorithm.startsWith("HS") !== symmetric)
      throw new TypeError(
        `auth.algorithms has "${algorithm}", which ${symmetric ? "a secret" : "a public key"} cannot check.`,
      );
}

function principalOf(
  payload: JWTPayload,
  { scopesClaim = "scope", passClaims = [] }: AuthOptions,
): Principal {
  const { sub } = payload;
  if (typeof sub !== "string" || sub === "") throw unauthenticated("The token names no subject.");
  const scopes = Object.hasOwn(payload, scopesClaim) ? scopesOf(payload[scopesClaim]) : [];
  const passed = passClaims
    .filter((claim) => Object.hasOwn(payload, claim))
    .map((claim) => [claim, payload[claim]] as const);
  return { subject: sub, scopes, ...(passed.length === 0 ? {} : { claims: Object.fromEntries(passed) }) };
}

function scopesOf(claim: unknown): readonly string[] {
  if (typeof claim === "string") return claim.split(" ").filter((scope) => scope !== "");
  return Array.isArray(claim) ? claim.filter((scope): scope is string => typeof scope === "string") : [];
}

function refusal(error: unknown, remote: boolean): Fault {
  if (isFault(error)) return error;
  if (error instanceof errors.JWTExpired) return unauthenticated("The token has expired.", error);
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(claimDetail(error.claim), error);
  // The issuer's keys could not be had. That says nothing about the token, and may be different in a moment.
  if (remote && isFetchFailure(error))
    return new Fault("UNAVAILABLE", undefined, {
      message: "The keys to check tokens with cannot be fetched from auth.jwks.",
      cause: error,
    });
  return unauthenticated("The token is not valid.", error);
}

function isFetchFailure(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return (
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === "ERR_JOSE_GENERIC"
  );
}

function claimDetail(claim: string): string {
  const details: Readonly<Record<string, string>> = {
    iss: "The token comes from another issuer.",
    aud: "The token is meant for another audience.",
    nbf: "The token is not valid yet.",
    sub: "The token names no subject.",
    exp: "The token does not say when it expires.",
  };
  return Object.hasOwn(details, claim) ? details[claim]! : "The token is not valid.";
}

/** `data.token` makes the answer say that the token is what is wrong, and not its absence. */
function unauthenticated(message: string, cause?: unknown): Fault {
  return new Fault("UNAUTHENTICATED", { token: "invalid" }, { message, cause });
}
