import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { Fault } from "warren";

/** Turns passwords into what may be stored, and recognises them again. */
export interface Passwords {
  /** A PHC string: algorithm, costs, salt and hash. @throws Fault OVERLOADED */
  hash(password: string): Promise<string>;
  /**
   * Whether `password` made `stored`. Takes as long for `undefined`, a name nobody has, as for a wrong password, so that
   * time does not tell which names exist.
   * @throws Fault OVERLOADED
   */
  matches(password: string, stored: string | undefined): Promise<boolean>;
}

/** What OWASP recommends for argon2id; about 50 ms of one core. Stored with each hash, so that it can be raised later. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const hashBytes = 32;

/** Hashing is expensive on purpose. So many may wait for it at once; a flood of logins is turned away beyond that. */
const waitingLimit = 32;

const derive = promisify(argon2);

export function passwords(): Passwords {
  let waiting = 0;

  async function hashed(password: string, salt: Buffer, costs: typeof cost): Promise<Buffer> {
    if (waiting >= waitingLimit)
      throw new Fault("OVERLOADED", { limit: waitingLimit }, { message: "Too many log in at the moment." });
    waiting++;
    try {
      // The same letters typed on another keyboard may come as other code points.
      const message = password.normalize("NFC");
      return await derive("argon2id", { message, nonce: salt, tagLength: hashBytes, ...costs });
    } finally {
      waiting--;
    }
  }

  return {
    async hash(password) {
      const salt = randomBytes(16);
      return phc({ salt, hash: await hashed(password, salt, cost), costs: cost });
    },
    async matches(password, stored) {
      const { salt, hash, costs } = stored === undefined ? nobody : parsed(stored);
      const same = timingSafeEqual(await hashed(password, salt, costs), hash);
      return same && stored !== undefined;
    },
  };
}

interface Stored {
  readonly salt: Buffer;
  readonly hash: Buffer;
  readonly costs: typeof cost;
}

const nobody: Stored = { salt: randomBytes(16), hash: randomBytes(hashBytes), costs: cost };

function phc({ salt, hash, costs: { memory, passes, parallelism } }: Stored): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`;
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

function parsed(stored: string): Stored {
  const found = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    stored,
  );
  if (found === null)
    throw new Error("A stored password is not an argon2id hash: the accounts database is damaged.");
  const [, memory, passes, parallelism, salt, hash] = found;
  return {
    salt: Buffer.from(salt!, "base64"),
    hash: Buffer.from(hash!, "base64"),
    costs: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
  };
}
