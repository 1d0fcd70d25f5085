import { createHash } from "node:crypto";
import { isPlain, unpacked } from "../codec/compression.ts";
import { json } from "../codec/json.ts";
import { readable } from "../codec/readable.ts";
import { type Reading, reading } from "../codec/reading.ts";
import type { HeaderValue, Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import { conversationOf } from "../trail.ts";
import type { Source } from "./source.ts";

/** A message that was given up, as it waits for somebody to decide. */
export interface DeadLetter {
  /** Its message id, or a hash of its content where it has none. An event that failed in two services has one id in both. */
  readonly id: string;
  /** Whose it is: a service, `warren.unrouted` (retries whose queue is gone) or `warren.unheard` (events without a subscriber). */
  readonly service: string;
  /** What kind of message: `<service>.<event>` or `<service>.<method>`. */
  readonly type: string | undefined;
  /**
   * `failed`, `given-up`, `undo-failed`, `invalid`, `undecodable`, `unknown`: Warren gave it up. `crashed`: it came back too often, its process gone
   * each time. `rejected`, `expired`: the broker moved it. `unrouted`, `unheard`: no queue took it.
   */
  readonly reason: string;
  readonly error: string | undefined;
  readonly stack: string | undefined;
  /** The queue it came from and goes back to; for an event that nobody heard, the key of the exchange of events. */
  readonly queue: string | undefined;
  /** How often it was tried; `undefined` where the broker moved it. */
  readonly attempts: number | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly firstFailedAt: number | undefined;
  /** When it was given up, milliseconds since the Unix epoch; where nobody noted that, when it was sent. */
  readonly failedAt: number | undefined;
  /** When somebody changed it, milliseconds since the Unix epoch. */
  readonly editedAt: number | undefined;
  /** Of the app that gave it up. */
  readonly version: string | undefined;
  readonly instance: string | undefined;
  /** How often it was replayed before. */
  readonly replayed: number;
  readonly conversation: string | undefined;
  readonly contentType: string | undefined;
  /** What its body is compressed with. */
  readonly contentEncoding: string | undefined;
  /** See `letterBody`. */
  readonly body: Uint8Array;
  /** The message's own headers: those that are in none of the fields above, without the broker's notes. */
  readonly headers: Readonly<Record<string, HeaderValue>>;
}

export type LetterBody = { readonly json: unknown } | { readonly text: string } | { readonly base64: string };

/** What letters are read with; larger ones are shown as they are. */
export const letterReading: Reading = reading([], 64 * 2 ** 20);

/** Whether a letter says of its body that it is in another codec than JSON, or compressed. */
function isEncoded({ contentType, contentEncoding }: LetterContent): boolean {
  return !isPlain(contentEncoding) || letterReading.codec(contentType) !== json;
}

export type LetterContent = Pick<Incoming, "body" | "contentType" | "contentEncoding">;

/**
 * A letter's body as a person can read it: JSON where it is that, else text, else Base64. One in MessagePack or BSON is
 * shown as JSON in which `{"$bigint": "5"}`, `$date`, `$binary` and `$number` stand for what JSON has not. Never rejects.
 */
export async function letterBody(letter: LetterContent): Promise<LetterBody> {
  const { body, contentType, contentEncoding } = letter;
  if (!isEncoded(letter)) return plainBody(body);
  try {
    const bytes = isPlain(contentEncoding)
      ? body
      : await unpacked(contentEncoding!, body, letterReading.maxBytes);
    const codec = letterReading.codec(contentType) ?? (await letterReading.load(contentType!));
    return codec === json ? plainBody(bytes) : { json: readable(codec.decode(bytes)) };
  } catch {
    return plainBody(body);
  }
}

function plainBody(body: Uint8Array): LetterBody {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let text: string;
  try {
    text = strictText.decode(bytes);
  } catch {
    return { base64: bytes.toString("base64") };
  }
  if (isDeep(text)) return { text };
  try {
    return { json: JSON.parse(text) };
  } catch {
    return { text };
  }
}

/** Reading JSON takes any depth; writing it again would exhaust the stack. */
const deepest = 500;

function isDeep(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === "{" || character === "[") {
      if (++depth > deepest) return true;
    } else if (character === "}" || character === "]") depth--;
  }
  return false;
}

const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Never throws: whatever anyone may have put into a dead-letter queue, somebody must be able to look at it. */
export function letterOf(source: Source, message: Incoming): DeadLetter {
  const all = message.headers ?? {};
  const target = source.target(message);
  return {
    id: idOf(source, message),
    service: source.name,
    type: message.type,
    reason: reasonOf(source, message),
    error: text(all[headers.error]),
    stack: text(all[headers.stack]),
    queue: target?.key,
    attempts: attemptsOf(message),
    firstFailedAt: time(all[headers.firstFailedAt]),
    failedAt: time(all[headers.failedAt]) ?? sentAt(message),
    editedAt: time(all[headers.edited]),
    version: text(all[headers.version]),
    instance: text(all[headers.instance]),
    replayed: count(all[headers.replayed]) ?? 0,
    conversation: conversationOf(message) || undefined,
    contentType: message.contentType,
    contentEncoding: message.contentEncoding,
    body: message.body,
    headers: Object.fromEntries(
      Object.entries(all).filter(([name]) => !isTold(name, target !== undefined) && !name.startsWith("x-")),
    ),
  };
}

/** The headers that a letter tells in fields of its own. */
const told: ReadonlySet<string> = new Set([
  headers.reason,
  headers.error,
  headers.stack,
  headers.queue,
  headers.attempt,
  headers.firstFailedAt,
  headers.failedAt,
  headers.edited,
  headers.service,
  headers.version,
  headers.instance,
  headers.replayed,
  headers.conversation,
]);

/** A note of a queue that the letter does not go back to is a header like any other. */
function isTold(name: string, hasTarget: boolean): boolean {
  return told.has(name) && (hasTarget || name !== headers.queue);
}

function idOf(source: Source, { messageId, type, key, body, headers: all = {} }: Incoming): string {
  if (messageId !== undefined && messageId !== "") return messageId;
  const hash = createHash("sha256");
  hash.update(JSON.stringify([source.name, type, key, all[headers.failedAt]]));
  return `hash-${hash.update(body).digest("hex").slice(0, 12)}`;
}

/** Warren's word for it, else the broker's in Warren's words. */
export function reasonOf(source: Source, { headers: all = {} }: Incoming): string {
  if (source.name === names.unheard) return "unheard";
  if (source.name === names.unrouted) return "unrouted";
  const noted = text(all[headers.reason]);
  if (noted !== undefined) return noted;
  const died = text(all["x-last-death-reason"] ?? all["x-first-death-reason"]);
  if (died === "delivery_limit") return "crashed";
  return died ?? "unknown cause";
}

function attemptsOf({ headers: all = {} }: Incoming): number | undefined {
  return count(all[headers.attempt]) ?? (all[headers.reason] === undefined ? undefined : 1);
}

function sentAt({ timestampSeconds }: Incoming): number | undefined {
  return timestampSeconds === undefined ? undefined : date(timestampSeconds * 1_000);
}

function text(value: HeaderValue | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function count(value: HeaderValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function time(value: HeaderValue | undefined): number | undefined {
  return typeof value === "string" ? date(Date.parse(value)) : undefined;
}

/** Some senders count microseconds, and a date so far away cannot be told. */
function date(at: number): number | undefined {
  return Number.isNaN(new Date(at).getTime()) ? undefined : at;
}
