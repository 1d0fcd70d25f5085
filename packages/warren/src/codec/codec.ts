/**
 * Turns values into bytes and back. `json` is the one that apps use unless told otherwise; `messagePack` of
 * `warren/messagepack` and `bson` of `warren/bson` hold more.
 */
export interface Codec {
  /** What its messages say they are, and what they are recognised by. */
  readonly contentType: string;
  /** `undefined` is no bytes at all. @throws NotEncodable, or another error that says what is wrong with the value */
  encode(value: unknown): Uint8Array;
  /** What it returns shares no memory with `bytes`. @throws an error that says what is wrong with the bytes */
  decode(bytes: Uint8Array): unknown;
}

/** Part of a value that a codec cannot write so that it comes back. */
export class NotEncodable extends Error {
  /** Dotted, such as `items.0.sku`; empty for the value as a whole. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.name = "NotEncodable";
    this.path = path;
  }
}
