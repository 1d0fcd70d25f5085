import { isFault, isSystemCode } from "../fault.ts";

/** What a failure is called that has no code of a contract or of Warren: what anybody may write is no label. */
export const otherError = "_OTHER";

/** The `error.type` of an error: codes of Warren and of the contract, and one word for all others. */
export function errorType(error: unknown, declared: ReadonlySet<string>, other: string = otherError): string {
  if (!isFault(error)) return other;
  return isSystemCode(error.code) || declared.has(error.code) ? error.code : other;
}
