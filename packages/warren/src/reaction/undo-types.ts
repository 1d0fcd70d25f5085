/**
 * What is kept of a value: JSON, and what it has not: dates, bigints and binary data come back as they are. Functions are
 * left out, `undefined` in a list is `null`.
 */
export type Serialised<T> = unknown extends T
  ? T
  : T extends string | number | bigint | boolean | null | undefined | Date
    ? T
    : T extends Uint8Array
      ? Buffer
      : T extends Function | symbol
        ? never
        : T extends { toJSON(...args: never[]): infer J }
          ? J
          : T extends object
            ? { [K in keyof T]: Serialised<T[K]> }
            : undefined;

/** What is kept of a result. */
type Kept<T> = unknown extends T ? T : T extends void | undefined ? null : Serialised<T>;

/** What an `undo` is told beside the event. */
export interface Undoing<E = unknown, R = unknown> {
  /**
   * What `run` returned, as it is kept; `null` where it returned nothing. `undefined` where it did not come to its end:
   * it failed, or its process died. Then nothing of it is in the store, so there is nothing to undo there; but what it
   * did elsewhere may have happened.
   */
  readonly done: Kept<Awaited<R>> | undefined;
  /** The event on which `run` ran, as it is kept. */
  readonly original: Serialised<E>;
}

/**
 * By the event that undoes. `T` are the events there are. Written as methods: what `run` returns is known where
 * `react` is around it, and anything else takes a handler that says itself what it gets.
 */
export type Undo<E, X, T, R> = {
  readonly [N in keyof T]?: Bivariant<T[N], X & Undoing<E, R>>;
};

type Bivariant<E, X> = { method(event: E, context: X): unknown }["method"];
