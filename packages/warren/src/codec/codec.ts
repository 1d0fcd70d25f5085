/** Turns values into bytes and back. `json` is the one that apps use. */
export interface Codec {
  /** What its messages say they are. */
  readonly contentType: string;
  /** `undefined` is no bytes at all. @throws an error that says what is wrong with the value, a cycle say */
  encode(value: unknown): Uint8Array;
  /** @throws an error that says what is wrong with the bytes */
  decode(bytes: Uint8Array): unknown;
}
