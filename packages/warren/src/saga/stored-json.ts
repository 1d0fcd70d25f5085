import { fromReadableText, readableText } from "../codec/readable.ts";
import { Fault } from "../fault.ts";

/** A value as it is kept. `undefined` has no text. @throws Fault INVALID_OUTPUT for what is no JSON, such as a cycle */
export function toText(value: unknown, what: string): string | undefined {
  try {
    return readableText(value);
  } catch (cause) {
    const message = `What ${what} gives is kept as JSON, and cannot be: ${(cause as Error).message}`;
    throw new Fault("INVALID_OUTPUT", {}, { message, cause });
  }
}

export function fromText(text: string | null): unknown {
  return text === null ? undefined : fromReadableText(text);
}
