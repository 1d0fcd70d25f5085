import type { Random } from "../id.ts";
import type { Clock, Timer } from "../time.ts";

export interface Credentials {
  readonly username: string;
  /** Or the token, where the broker takes one. Appears in no log and no fault. */
  readonly password: string;
  /** How long they are good, from now on. Missing: until the broker refuses them. */
  readonly expiresInMs?: number;
}

/** The signal is aborted when nobody waits for the answer any more. */
export type CredentialsProvider = (signal: AbortSignal) => Credentials | Promise<Credentials>;

/** What a provider says, asked once for both connections. */
export interface LoginSource {
  /** @throws what the provider throws; Error when it does not answer within 10 s */
  current(): Promise<Credentials>;
  /** The broker does not want these: the next one to need some asks again. */
  refused(credentials: Credentials): void;
  /** `run` gets those that follow, asked for before the present ones expire. */
  onRenewed(
    run: (credentials: Credentials) => void,
    failed: (reason: string, againInMs: number) => void,
  ): void;
  /** Asks no more by itself. */
  stop(): void;
  /** The text without any password of the provider's: what others throw may quote it. */
  redacted(text: string): string;
}

const answerWithinMs = 10_000;
/** Asked again when this much of the time is over, a little earlier at random. */
const renewedAt = 0.8;
const jitter = 0.1;
/** Credentials that are as good as expired when they come are no reason to ask all the time. */
const leastApartMs = 100;
const shortestPauseMs = 500;
const longestPauseMs = 30_000;

export function loginSource(provider: CredentialsProvider, clock: Clock, random: Random): LoginSource {
  let known: { readonly credentials: Credentials; readonly renewAt: number } | undefined;
  let asking: Promise<Credentials> | undefined;
  /** More than one may be in use while they are renewed. */
  const secrets: string[] = [];
  let told: (credentials: Credentials) => void = () => {};
  let toldFailure: (reason: string, againInMs: number) => void = () => {};
  let timer: Timer | undefined;
  let pauseMs = shortestPauseMs;
  let stopped = false;

  async function ask(): Promise<Credentials> {
    const patience = new AbortController();
    const late = Promise.withResolvers<never>();
    const limit = clock.after(answerWithinMs, () =>
      late.reject(new Error(`no answer within ${answerWithinMs} ms`)),
    );
    try {
      const given = await Promise.race([provider(patience.signal), late.promise]);
      check(given);
      const goodMs = given.expiresInMs ?? 0;
      known = { credentials: given, renewAt: clock.now() + goodMs * (renewedAt - jitter * random()) };
      if (!secrets.includes(given.password)) secrets.unshift(given.password);
      secrets.length = Math.min(secrets.length, 4);
      pauseMs = shortestPauseMs;
      if (given.expiresInMs !== undefined) plan(known.renewAt - clock.now());
      return given;
    } finally {
      limit.cancel();
      patience.abort();
    }
  }

  function fresh(): Promise<Credentials> {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  /** Not before anybody asked: a transport that nobody uses keeps no timer. */
  function plan(waitMs: number): void {
    timer?.cancel();
    if (!stopped) timer = clock.after(Math.max(leastApartMs, waitMs), () => void renew());
  }

  async function renew(): Promise<void> {
    try {
      const credentials = await fresh();
      if (!stopped) told(credentials);
    } catch (error) {
      if (stopped) return;
      plan(pauseMs);
      toldFailure(redacted(error instanceof Error ? error.message : String(error)), pauseMs);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  function redacted(text: string): string {
    return secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "***")), text);
  }

  return {
    current: () => (known && clock.now() < known.renewAt ? Promise.resolve(known.credentials) : fresh()),
    refused(credentials) {
      if (known?.credentials === credentials) known = undefined;
    },
    onRenewed(run, failed) {
      told = run;
      toldFailure = failed;
    },
    stop() {
      stopped = true;
      timer?.cancel();
    },
    redacted,
  };
}

/** @throws Error that says what is wrong, and shows no value */
function check(given: Credentials): void {
  const { username, password, expiresInMs } = given ?? {};
  if (typeof username !== "string" || typeof password !== "string")
    throw new Error("rabbitmq: `credentials` must give { username, password }, both of them strings.");
  if (expiresInMs !== undefined && !(expiresInMs > 0))
    throw new Error("rabbitmq: `expiresInMs` of the credentials must be a number above 0.");
}
