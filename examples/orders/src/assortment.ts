/** What the system starts with: on the shelf, and in the depot that shelves are filled up from. */
export interface Article {
  readonly sku: string;
  readonly onHand: number;
  readonly depot: number;
}

/** A shelf that is full enough, one that has to be filled up, nothing left anywhere, and what no carrier takes. */
export const assortment: readonly Article[] = [
  { sku: "lamp", onHand: 1_000, depot: 1_000_000 },
  { sku: "desk", onHand: 0, depot: 500 },
  { sku: "clock", onHand: 0, depot: 0 },
  { sku: "piano", onHand: 10, depot: 0 },
];
