/**
 * An option that counts something, or its default. Checked where options are read: a limit of `NaN` would be none.
 * @throws TypeError naming the option, its value and what it may be
 */
export function wholeNumber(
  option: string,
  given: number | undefined,
  byDefault: number,
  min = 1,
  max: number = 2 ** 31 - 1,
): number {
  const value = given ?? byDefault;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new TypeError(`${option} is ${value}; use a whole number from ${min} to ${max}.`);
}
