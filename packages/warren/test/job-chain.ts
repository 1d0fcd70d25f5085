// The routing slip of docs/addressed-work.md: each job carries what comes next.
import { z } from "zod";
import { type Contract, contract, rpc, type Service, type Sql, type Store, service } from "../src/index.ts";

export const stations = ["cut", "paint", "ship"] as const;
export type Station = (typeof stations)[number];

const job = z.object({ n: z.number(), next: z.array(z.enum(stations)) });
export type Job = z.infer<typeof job>;

const work = { methods: { work: rpc({ input: job }) } };

export interface JobChain {
  readonly contracts: Readonly<Record<Station, Contract<string, typeof work.methods, {}>>>;
  /** @param during runs in the middle of each job, when it has changed something already */
  worker(station: Station, store: Store<Sql>, during?: (job: Job) => void): Service<any>;
}

/** Services that hand jobs along, under names of their own. */
export function jobChain(suffix: string): JobChain {
  const contracts = {
    cut: contract(`cut-${suffix}`, work),
    paint: contract(`paint-${suffix}`, work),
    ship: contract(`ship-${suffix}`, work),
  };
  return {
    contracts: contracts as never,
    worker: (station, store, during) =>
      service(contracts[station], {
        uses: contracts,
        store,
        concurrency: 1,
        methods: {
          async work({ n, next: [next, ...rest] }, { db, send }) {
            await db.query("insert into done (station, n) values ($1, $2)", [station, n]);
            during?.({ n, next: rest });
            if (next !== undefined) await send[next].work({ n, next: rest });
          },
        },
      }),
  };
}
