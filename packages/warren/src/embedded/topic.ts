/**
 * Whether a topic exchange's binding `pattern` takes a routing key, both as words between dots: `*` stands for exactly
 * one word and `#` for any number of them, none included.
 */
export function topicMatches(pattern: readonly string[], key: readonly string[]): boolean {
  let p = 0;
  let k = 0;
  // Where to go on when a word does not fit: behind the last `#`, which then swallows one word more. The last one is
  // enough, since an earlier `#` cannot reach anything that the last one cannot, so this takes no exponential time.
  let hash = -1;
  let swallowed = 0;
  while (k < key.length) {
    const word = pattern[p];
    if (word === "#") {
      hash = p++;
      swallowed = k;
    } else if (word !== undefined && (word === "*" || word === key[k])) {
      p++;
      k++;
    } else if (hash >= 0) {
      p = hash + 1;
      k = ++swallowed;
    } else {
      return false;
    }
  }
  while (pattern[p] === "#") p++;
  return p === pattern.length;
}

/** The words of a pattern or a key. The empty key has none, as on RabbitMQ. */
export function words(key: string): readonly string[] {
  return key === "" ? [] : key.split(".");
}
