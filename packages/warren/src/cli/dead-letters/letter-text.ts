import { type DeadLetter, letterBody } from "../../index.ts";
import { dateOf } from "../text.ts";

/** A letter as a JSON value: dates in ISO 8601, and the body as `json`, `text` or `base64`. */
export async function asJson({ body, ...letter }: DeadLetter): Promise<object> {
  return {
    ...letter,
    firstFailedAt: dateOf(letter.firstFailedAt),
    failedAt: dateOf(letter.failedAt),
    editedAt: dateOf(letter.editedAt),
    body: await letterBody({ ...letter, body }),
  };
}
