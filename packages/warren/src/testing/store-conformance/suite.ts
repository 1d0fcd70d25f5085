import { concurrency } from "./concurrency.ts";
import { opening } from "./opening.ts";
import { type ConformanceDatabase, type StoreBehaviour, storeStage } from "./stage.ts";
import { statements } from "./statements.ts";
import { transactions } from "./transactions.ts";
import { values } from "./values.ts";

export interface StoreConformanceOptions {
  /** Heads the suite. */
  readonly name: string;
  /** The test runner's, such as Vitest's or `node:test`'s. */
  describe(name: string, run: () => void): unknown;
  it(name: string, run: () => Promise<void>): unknown;
  /** A new, empty database each time. The suite discards it. */
  create(): ConformanceDatabase | Promise<ConformanceDatabase>;
}

const subjects: Readonly<Record<string, readonly StoreBehaviour[]>> = {
  values,
  statements,
  transactions,
  concurrency,
  "opening and closing": opening,
};

/** Registers the tests that every store has to pass. */
export function storeConformance({ name, describe, it, create }: StoreConformanceOptions): void {
  const show = async (behaviour: StoreBehaviour): Promise<void> => {
    const { stage, close } = await storeStage(create);
    try {
      await behaviour.run(stage);
    } finally {
      await close();
    }
  };

  describe(`${name} behaves as a store`, () => {
    for (const [subject, behaviours] of Object.entries(subjects)) {
      describe(subject, () => {
        for (const behaviour of behaviours) it(behaviour.title, () => show(behaviour));
      });
    }
  });
}
