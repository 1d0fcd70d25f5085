/** `($3, $4)`: for `count` values of a statement, the first of which is the third where `first` is 3. */
export function placeholders(count: number, first = 1): string {
  return `(${Array.from({ length: count }, (_, i) => `$${first + i}`).join(", ")})`;
}

/** `($1, $2), ($3, $4)`: for rows of values. */
export function placeholderRows(rows: number, columns: number, first = 1): string {
  return Array.from({ length: rows }, (_, row) => placeholders(columns, first + row * columns)).join(", ");
}
