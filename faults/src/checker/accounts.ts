import type { Entry } from "../history/entry.ts";

/** While a run lasts: which acknowledged messages are neither done nor parked yet. */
export interface Accounts {
  add(entries: readonly Entry[]): void;
  readonly open: ReadonlySet<string>;
  /** Published, and without an outcome so far. Those of a killed publisher stay here for ever. */
  readonly underway: number;
  readonly acknowledged: number;
  /** Grows with every effect and every parked message. */
  readonly settled: number;
  readonly deliveries: number;
}

export function accounts(): Accounts {
  const open = new Set<string>();
  const settled = new Set<string>();
  let acknowledged = 0;
  let underway = 0;
  let deliveries = 0;
  return {
    open,
    get underway() {
      return underway;
    },
    get deliveries() {
      return deliveries;
    },
    get acknowledged() {
      return acknowledged;
    },
    get settled() {
      return settled.size;
    },
    add(entries) {
      for (const entry of entries) {
        if (entry.is === "attempted") underway++;
        else if (entry.is === "delivered") deliveries++;
        else if (entry.is === "failed") underway--;
        else if (entry.is === "acknowledged") {
          underway--;
          acknowledged++;
          if (!settled.has(entry.id)) open.add(entry.id);
        } else if (entry.is === "effect" || entry.is === "parked") {
          settled.add(entry.id);
          open.delete(entry.id);
        }
      }
    },
  };
}
