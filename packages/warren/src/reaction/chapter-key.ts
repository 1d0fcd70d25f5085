import { Fault } from "../fault.ts";
import type { Incoming } from "../message.ts";
import { storedKey } from "../stored-key.ts";
import { conversationOf } from "../trail.ts";

export type KeyOf = (event: any) => string;

/**
 * Under what a reaction keeps what it did, as it is stored.
 * @throws Fault BAD_MESSAGE where the message has no id, TypeError where `key` gives no text
 */
export function chapterKey(whose: string, key: KeyOf | undefined, event: unknown, message: Incoming): string {
  if (message.messageId === undefined || message.messageId === "")
    throw new Fault(
      "BAD_MESSAGE",
      { type: message.type },
      {
        message: `${whose} can be undone, so each of its messages needs an id (message-id); this one has none.`,
      },
    );
  if (key === undefined) return conversationOf(message);
  const text: unknown = key(event);
  if (typeof text === "string" && text !== "") return storedKey(text);
  throw new TypeError(
    `${whose}: "key" returned ${text === "" ? "an empty text" : typeof text}; it has to return a text that names the process.`,
  );
}
