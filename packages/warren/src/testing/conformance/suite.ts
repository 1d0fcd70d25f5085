import { randomId, systemRandom } from "../../id.ts";
import type { Transport } from "../../transport.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import { closing } from "./closing.ts";
import { consuming } from "./consuming.ts";
import { declaring } from "./declaring.ts";
import { delaying, expiring } from "./expiring.ts";
import { ordering } from "./ordering.ts";
import { properties } from "./properties.ts";
import { publishing } from "./publishing.ts";
import { replying } from "./replying.ts";
import { routing } from "./routing.ts";
import { limiting, places, settling } from "./settling.ts";
import { type Behaviour, type Features, stage } from "./stage.ts";

export interface ConformanceOptions {
  /** Heads the suite. */
  readonly name: string;
  /** The test runner's, such as Vitest's or `node:test`'s. */
  describe(name: string, run: () => void): unknown;
  it(name: string, run: () => Promise<void>): unknown;
  /** A new transport each time, all on one broker. The suite closes it. */
  create(): Transport | Promise<Transport>;
  /** Where the transport is not what a user would expect. @default the most, and 16 MiB */
  readonly features?: Partial<Features> | undefined;
  /** The clock that the transports live by, where it is not the machine's. */
  readonly clock?: VirtualClock | undefined;
}

const subjects: Readonly<Record<string, readonly Behaviour[]>> = {
  declaring,
  routing,
  publishing,
  "what arrives": properties,
  consuming,
  settling: [...settling, ...limiting, ...places],
  ordering,
  expiring: [...expiring, ...delaying],
  replying,
  "state and end": closing,
};

/**
 * Registers the tests that every transport has to pass. Queues and exchanges get names that nothing else on the broker
 * has; durable ones stay there, so give it a broker, or a virtual host, that is thrown away.
 */
export function transportConformance(options: ConformanceOptions): void {
  const features: Features = { requeueKeepsPlace: true, maxMessageBytes: 16 * 2 ** 20, ...options.features };
  const run = randomId(systemRandom, 8);
  let tests = 0;

  const show = async (behaviour: Behaviour): Promise<void> => {
    const { create, clock } = options;
    const opened = stage({ prefix: `conformance.${run}.${++tests}`, features, clock, create });
    try {
      await behaviour.run(opened.stage);
    } finally {
      await opened.close();
    }
  };

  options.describe(`${options.name} behaves as a transport`, () => {
    for (const [subject, behaviours] of Object.entries(subjects)) {
      options.describe(subject, () => {
        for (const behaviour of behaviours) {
          if (behaviour.needs !== undefined && !features[behaviour.needs]) continue;
          options.it(behaviour.title, () => show(behaviour));
        }
      });
    }
  });
}
