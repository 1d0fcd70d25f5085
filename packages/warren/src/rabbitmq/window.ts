/**
 * What was published on one channel and is not confirmed yet. The broker numbers the messages of a channel from 1, in
 * the order it reads them, and confirms in any order, one or all up to a number.
 */
export interface Window<T> {
  /** Not confirmed. */
  readonly size: number;
  /** @returns its number */
  add(value: T): number;
  /** Waits for this one no longer: its place is free, and a late confirm means nothing. */
  forget(tag: number): void;
  settle(tag: number, multiple: boolean, each: (value: T) => void): void;
  /** The oldest one that fits. */
  find(fits: (value: T) => boolean): T | undefined;
  /** In the order they were added. */
  rest(): T[];
}

export function confirmWindow<T extends object>(): Window<T> {
  // A ring, twice as long whenever it is full. A map keeps holes at its front, which a walk from there steps over.
  let ring: (T | undefined)[] = new Array(1_024);
  let lowest = 1;
  let next = 1;
  let size = 0;

  function take(tag: number): T | undefined {
    if (tag < lowest || tag >= next) return undefined;
    const index = tag % ring.length;
    const value = ring[index];
    if (value === undefined) return undefined;
    ring[index] = undefined;
    size--;
    return value;
  }

  function advance(): void {
    while (lowest < next && ring[lowest % ring.length] === undefined) lowest++;
  }

  return {
    get size() {
      return size;
    },
    add(value) {
      if (next - lowest === ring.length) {
        const longer: (T | undefined)[] = new Array(ring.length * 2);
        for (let tag = lowest; tag < next; tag++) longer[tag % longer.length] = ring[tag % ring.length];
        ring = longer;
      }
      ring[next % ring.length] = value;
      size++;
      return next++;
    },
    forget(tag) {
      take(tag);
      advance();
    },
    settle(tag, multiple, each) {
      const taken: T[] = [];
      for (let one = multiple ? lowest : tag; one <= tag; one++) {
        const value = take(one);
        if (value !== undefined) taken.push(value);
      }
      advance();
      for (const value of taken) each(value);
    },
    find(fits) {
      for (let tag = lowest; tag < next; tag++) {
        const value = ring[tag % ring.length];
        if (value !== undefined && fits(value)) return value;
      }
      return undefined;
    },
    rest() {
      const values: T[] = [];
      for (let tag = lowest; tag < next; tag++) {
        const value = ring[tag % ring.length];
        if (value !== undefined) values.push(value);
      }
      return values;
    },
  };
}
