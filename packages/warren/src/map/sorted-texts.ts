/** Each text once, by code units: the same on every machine, whatever its language. */
export function sortedTexts(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort((one, other) => (one < other ? -1 : 1));
}
