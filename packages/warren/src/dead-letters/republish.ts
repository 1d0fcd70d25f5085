import { json } from "../codec/json.ts";
import { Fault } from "../fault.ts";
import type { Headers, HeaderValue, Incoming, Outgoing } from "../message.ts";
import { headers, isBrokersOwn } from "../names.ts";
import { letterOf, reasonOf } from "./letter.ts";
import type { Source, Target } from "./source.ts";

/** What somebody changes on a letter. */
export interface LetterEdit {
  /** The new body, in the letter's content type. */
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
 * @throws Fault BAD_MESSAGE where the letter is JSON and its new body is not
 */
export function edited(source: Source, message: Incoming, edit: LetterEdit, now: number): Outgoing {
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
    body: edit.body === undefined ? message.body : checkedBody(message, edit.body),
    // One without an id has been named by its content, which is another now.
    messageId: letter.id,
  };
}

function checkedBody({ contentType, type }: Incoming, body: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(body as string);
  if (!(contentType ?? json.contentType).startsWith(json.contentType)) return bytes;
  try {
    json.decode(bytes);
    return bytes;
  } catch (cause) {
    throw new Fault(
      "BAD_MESSAGE",
      { type },
      {
        message: `The new body is no JSON, and nothing was changed: ${String((cause as Error).message)}`,
        cause,
      },
    );
  }
}

function outgoing(message: Incoming, { exchange, key }: Target, fields: Headers): Outgoing {
  const { body, contentType, type, messageId, correlationId, replyTo, appId, timestampSeconds } = message;
  return {
    exchange,
    key,
    body,
    contentType,
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
