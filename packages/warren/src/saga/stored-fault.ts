import { fromReadableText, readableText } from "../codec/readable.ts";
import { Fault, isFault } from "../fault.ts";
import { textOf } from "../retry/error-text.ts";

/** An error as it is kept: what of it can be read by another process, later. */
export function storedFault(
  error: unknown,
  where: { readonly saga: string; readonly id: string; readonly step: string | undefined },
): string {
  if (isFault(error)) {
    const { code, message, data, from } = error;
    return jsonOf({ code, message, data, from }) ?? jsonOf({ code, message, from })!;
  }
  const what = where.step === undefined ? "" : `Step "${where.step}" of `;
  const message = `${what}${where.saga} "${where.id}" failed: ${textOf(error, 2_000)}`;
  return JSON.stringify({ code: "INTERNAL", message, data: where });
}

export function faultFrom(text: string): Fault {
  const { code, message, data, from } = fromReadableText(text) as {
    code: string;
    message: string;
    data: unknown;
    from?: string;
  };
  return new Fault(code, data, { message, ...(from !== undefined && { from }) });
}

/** `undefined` for what JSON has no text for: nothing, or a cycle. */
function jsonOf(value: unknown): string | undefined {
  try {
    return readableText(value);
  } catch {
    return undefined;
  }
}
