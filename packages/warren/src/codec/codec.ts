/** Turns values into bytes and back; recognised per message by its content type. */
export interface Codec {
  readonly contentType: string;
  /** `undefined` is no bytes at all. @throws Fault-free errors of the encoding, e.g. for a cycle */
  encode(value: unknown): Uint8Array;
  /** @throws an error that says what is wrong with the bytes */
  decode(bytes: Uint8Array): unknown;
}
