import { type AnyContract, contract } from "../contract/contract.ts";
import { Fault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Logger } from "../log.ts";
import type { Principal } from "../principal.ts";
import type { InvocationScope } from "../service/invocation.ts";
import type { Running } from "../service/running.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import { inTransaction, type Store } from "../store.ts";
import type { Probe } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import { advancing } from "./advancing.ts";
import { beginRun, inputText } from "./beginning.ts";
import { ledger } from "./ledger.ts";
import type { SagaPlan } from "./plan.ts";
import { runner } from "./runner.ts";
import { stepping } from "./stepping.ts";
import { type Waiting, waiting } from "./waiting.ts";

export interface BeginOptions {
  /** Says which run it is: a second one of the same id joins the first. 1 to 128 characters, none of them a control character. */
  readonly id: string;
  /** On whose behalf. */
  readonly principal?: Principal;
}

/** The sagas of an app that are kept in one store. */
export interface SagaHost {
  readonly store: Store<any>;
  readonly plans: readonly SagaPlan[];
  /** Writes down that there is a run, and goes on with it. */
  begin(plan: SagaPlan, input: unknown, options: BeginOptions): Promise<void>;
  outcome: Waiting["outcome"];
  /** To be called when a run was begun, or an event kept, in a transaction that has committed. */
  wake(): void;
  start(): void;
  stop(): Promise<void>;
}

export interface SagaHostOptions {
  readonly runtime: StoreRuntime;
  readonly plans: readonly SagaPlan[];
  readonly scope: (
    contract: AnyContract,
    uses: Record<string, AnyContract>,
    store: Store<any>,
  ) => InvocationScope;
  readonly running: Running;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly instance: string;
  readonly probe?: Probe | undefined;
}

export function sagaHost(options: SagaHostOptions): SagaHost {
  const { runtime, plans, clock, random, log, instance, running, probe } = options;
  const { store } = runtime;
  const rows = ledger({ store, clock, instance });
  let isStopping = false;
  const waiters = waiting(store, clock, log, plans);
  const common = { ledger: rows, clock, random, log, running, probe };
  const steppings = new Map(
    plans.map((plan) => {
      const scope = options.scope(contract(plan.name, {}), plan.uses, store);
      return [plan, stepping({ ...common, runtime, scope })];
    }),
  );
  const advance = advancing({
    ...common,
    stepping: (plan) => steppings.get(plan)!,
    isStopping: () => isStopping,
  });
  const runs = runner({ store, plans, ledger: rows, advance, clock, log, ended: waiters.ended });

  return {
    store,
    plans,
    async begin(plan, input, { id, principal }) {
      const text = await inputText(plan, id, input);
      if (isStopping)
        throw new Fault(
          "STOPPED",
          { saga: plan.name, id },
          { message: `${plan.name} "${id}" was not begun: this app is stopping.` },
        );
      const now = clock.now();
      const { trace } = probe?.trail({}) ?? {};
      const lease = runs.hasRoom ? { by: instance, until: now + plan.leaseMs } : undefined;
      const row = await inTransaction(store, (sql) =>
        beginRun(sql, plan, { id, input: text, conversation: undefined, principal, trace, now, lease }),
      );
      if (row !== undefined && lease !== undefined) runs.go(row);
    },
    outcome: waiters.outcome,
    wake: runs.wake,
    start: runs.start,
    async stop() {
      isStopping = true;
      await runs.stop();
      waiters.stop();
    },
  };
}
