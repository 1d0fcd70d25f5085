import type { Headers, HeaderValue, Incoming } from "../message.ts";
import type { KeptMessage } from "./journal.ts";
import { atOnce, type Stored } from "./stored.ts";

/** A message as the database has it: its body as it is, and everything beside the body as JSON. */
export interface MessageRow {
  readonly id: number;
  readonly queue: string;
  readonly expires_at: number;
  readonly properties: string;
  readonly body: Uint8Array | null;
  readonly returned: number | null;
  readonly held: number | null;
}

/** A number that JSON has no way to write is a list of its name; headers hold no lists. */
type Written = HeaderValue | readonly [string];

export function propertiesOf({ message, expiredIn }: Stored): string {
  const { body: _body, redelivered: _redelivered, returns: _returns, headers, ...rest } = message;
  return JSON.stringify({
    ...rest,
    headers: headers === undefined ? undefined : written(headers),
    expiredIn: expiredIn.length === 0 ? undefined : expiredIn,
  });
}

/** Milliseconds since the Unix epoch. Who might have taken it at once is gone when this is read. */
export function expiryOf({ expiresAt }: Stored, now: number): number {
  return expiresAt === atOnce ? now : expiresAt;
}

/** @throws Error when the row is not as `propertiesOf` writes them */
export function keptMessage(row: MessageRow): KeptMessage {
  const {
    expiredIn = [],
    headers,
    ...rest
  } = JSON.parse(row.properties) as Omit<Incoming, "headers"> & {
    readonly expiredIn?: readonly string[];
    readonly headers?: Readonly<Record<string, Written>>;
  };
  if (typeof rest.exchange !== "string" || typeof rest.key !== "string")
    throw new Error(`message ${row.id} has no exchange or key`);
  const { body } = row;
  return {
    row: row.id,
    queue: row.queue,
    expiresAt: row.expires_at,
    returned: row.returned ?? 0,
    held: row.held === 1,
    expiredIn,
    message: {
      ...rest,
      // SQLite has no difference between an empty body and none.
      body: body === null ? Buffer.alloc(0) : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      redelivered: false,
      returns: 0,
      headers: headers === undefined ? undefined : read(headers),
    },
  };
}

function written(headers: Headers): Readonly<Record<string, Written>> {
  for (const name in headers) {
    if (isUnwritable(headers[name])) return changed<HeaderValue, Written>(headers, writable);
  }
  return headers;
}

function read(headers: Readonly<Record<string, Written>>): Headers {
  for (const name in headers) {
    if (typeof headers[name] === "object") return changed<Written, HeaderValue>(headers, readable);
  }
  return headers as Headers;
}

const isUnwritable = (value: unknown): boolean =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0));

const writable = (value: HeaderValue): Written =>
  isUnwritable(value) ? [Object.is(value, -0) ? "-0" : String(value)] : value;

const readable = (value: Written): HeaderValue => (typeof value === "object" ? Number(value[0]) : value);

function changed<From, To>(
  headers: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, change(value)]));
}
