import { isPlain } from "../codec/compression.ts";
import { json } from "../codec/json.ts";
import { fromReadable } from "../codec/readable.ts";
import { Fault } from "../fault.ts";
import type { Headers, HeaderValue, Incoming, Outgoing } from "../message.ts";
import { headers, isBrokersOwn } from "../names.ts";
import { letterOf, letterReading, reasonOf } from "./letter.ts";
import type { Source, Target } from "./source.ts";

/** What somebody changes on a letter. */
export interface LetterEdit {
  /**
   * The new body. Text is JSON as `letterBody` shows it, and is written in the letter's own codec; bytes are taken as they
   * are, in that codec and not compressed.
   */
  readonly body?: Uint8Array | string | undefined;
  /** Headers to set; `undefined` removes one. */
  readonly headers?: Readonly<Record<string, HeaderValue | undefined>> | undefined;
}

/** What made the message a dead letter. Without it, it is as it was when it was new. */
const marks: ReadonlySet<string> = new Set([
  headers.reason,
  headers.error,
  headers.stack,
  headers.queue,
  headers.service,
  headers.version,
  headers.instance,
  headers.failedAt,
  headers.firstFailedAt,
  headers.attempt,
  headers.suspected,
  headers.deadline,
]);

/** The letter as a fresh message to where it failed. Its id, conversation, trace and content stay. */
export function revived(message: Incoming, target: Target): Outgoing {
  const replayed = message.headers?.[headers.replayed];
  const fields = keeping(message, (name) => !marks.has(name));
  fields[headers.replayed] = (typeof replayed === "number" ? replayed : 0) + 1;
  return outgoing(message, target, fields);
}

/**
 * The changed letter, to the queue it lies in.
 * @throws Fault BAD_MESSAGE where the new body is not what the letter says of its body, or cannot be written so
 */
export async function edited(
  source: Source,
  message: Incoming,
  edit: LetterEdit,
  now: number,
): Promise<Outgoing> {
  const fields = keeping(message, () => true);
  // What the broker noted is lost with the next publish, so it is put into Warren's words.
  const letter = letterOf(source, message);
  fields[headers.reason] ??= reasonOf(source, message);
  if (letter.queue !== undefined) fields[headers.queue] ??= letter.queue;
  if (letter.failedAt !== undefined) fields[headers.failedAt] ??= new Date(letter.failedAt).toISOString();
  for (const [name, value] of Object.entries(edit.headers ?? {})) {
    if (value === undefined) delete fields[name];
    else fields[name] = value;
  }
  fields[headers.edited] = new Date(now).toISOString();
  return {
    ...outgoing(message, source.home(message), fields),
    ...(edit.body !== undefined && {
      body: await bodyIn(message, edit.body),
      contentEncoding: isPlain(message.contentEncoding) ? message.contentEncoding : undefined,
    }),
    // One without an id has been named by its content, which is another now.
    messageId: letter.id,
  };
}

/** In the codec of the letter. A body of an unknown content type is anybody's guess, and taken as it is given. */
async function bodyIn({ contentType, type }: Incoming, body: Uint8Array | string): Promise<Uint8Array> {
  const codec =
    letterReading.codec(contentType) ?? (await letterReading.load(contentType!).catch(() => undefined));
  const bytes = Buffer.from(body as string);
  if (codec === undefined) return bytes;
  try {
    if (codec !== json && typeof body === "string") return codec.encode(fromReadable(JSON.parse(body)));
    codec.decode(bytes);
    return bytes;
  } catch (cause) {
    const what = codec === json || typeof body === "string" ? "JSON" : codec.contentType;
    const message = `The new body is no ${what}, and nothing was changed: ${String((cause as Error).message)}`;
    throw new Fault("BAD_MESSAGE", { type }, { message, cause });
  }
}

function outgoing(message: Incoming, { exchange, key }: Target, fields: Headers): Outgoing {
  const { body, contentType, contentEncoding, type, messageId, correlationId } = message;
  const { replyTo, appId, timestampSeconds } = message;
  return {
    exchange,
    key,
    body,
    contentType,
    contentEncoding,
    type,
    messageId,
    correlationId,
    replyTo,
    appId,
    timestampSeconds,
    headers: fields,
    persistent: true,
    mandatory: true,
  };
}

/** Never the broker's own. */
function keeping(
  { headers: all = {} }: Incoming,
  keep: (name: string) => boolean,
): Record<string, HeaderValue> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !isBrokersOwn(name) && keep(name)));
}
