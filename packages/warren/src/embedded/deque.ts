const smallest = 16;

/** A queue with two ends in a ring: every operation takes the same time however long it is, unlike `Array.shift`. */
export class Deque<T extends object> {
  #ring: (T | undefined)[] = new Array<T | undefined>(smallest).fill(undefined);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  peek(): T | undefined {
    return this.#ring[this.#head];
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item;
  }

  unshift(item: T): void {
    if (this.#length === this.#ring.length) this.#resize(this.#length * 2);
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#length++;
  }

  shift(): T | undefined {
    const item = this.#ring[this.#head];
    if (item === undefined) return undefined;
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    // A backlog that is gone gives its memory back; the factor of eight keeps the ring from breathing with every burst.
    if (this.#ring.length > smallest * 8 && this.#length * 8 < this.#ring.length) {
      this.#resize(this.#ring.length / 4);
    }
    return item;
  }

  #resize(capacity: number): void {
    const ring = new Array<T | undefined>(capacity).fill(undefined);
    for (let i = 0; i < this.#length; i++) ring[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = ring;
    this.#head = 0;
  }
}
