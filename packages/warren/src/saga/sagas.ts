import type { Service } from "../service/service.ts";
import type { StoreRuntime } from "../store/runtime.ts";
import { inTransaction, type Store } from "../store.ts";
import type { Clock } from "../time.ts";
import { type BeginOptions, type SagaHost, type SagaHostOptions, sagaHost } from "./host.ts";
import { type RunFilter, type SagaRun, sagaRuns } from "./looking.ts";
import type { SagaPlan } from "./plan.ts";
import { checkFinished, type Saga } from "./saga.ts";
import { signalService } from "./signals.ts";
import type { WaitingOptions } from "./waiting.ts";

/** The runs in an app's stores, for people who look after them. */
export interface SagaRuns {
  /** Where a run is: what is done, undone, waited for, and since when. `undefined` where there is none of that id. */
  show(saga: Saga | string, id: string): Promise<SagaRun | undefined>;
  /** Runs in all stores of the app's sagas, the latest of each first. */
  list(filter?: Omit<RunFilter, "id">): Promise<readonly SagaRun[]>;
  /**
   * Has what is stuck undone once more, from the step on that could not be. `undone` names steps that a person has undone
   * otherwise: they are left out.
   * @throws Error where there is no such run, or it is not stuck
   */
  retry(saga: Saga | string, id: string, options?: { readonly undone?: readonly string[] }): Promise<void>;
}

/** What an app makes of its sagas. */
export interface SagaParts {
  /** Of all of them: whose dead letters there may be. */
  readonly names: readonly string[];
  readonly stores: readonly Store<any>[];
  /** Those that hear the events which sagas wait for. */
  readonly services: readonly Service[];
  /** Looks for what is due in a store, once its runs are hosted. */
  wake(store: Store<any>): void;
  host(options: HostingOptions): readonly SagaHost[];
}

export interface HostingOptions extends Omit<SagaHostOptions, "runtime" | "plans"> {
  readonly runtimeOf: (store: Store<any>) => StoreRuntime | undefined;
}

/** @throws TypeError for a saga that is not finished, and where two cannot be told apart */
export function sagaParts(sagas: readonly Saga[], clock: Clock): SagaParts {
  const byStore = plansByStore(sagas);
  const hosts = new Map<Store<any>, SagaHost>();
  const wake = (store: Store<any>): void => hosts.get(store)?.wake();
  const names = [...new Set(sagas.map(({ name }) => name))];
  const services = names.flatMap((name) => {
    const plans = sagas.filter((saga) => saga.name === name).map(({ plan }) => plan);
    return signalService(plans, clock, () => wake(plans[0]!.store)) ?? [];
  });
  return {
    names,
    stores: [...byStore.keys()],
    services,
    wake,
    host(options) {
      for (const [store, plans] of byStore)
        hosts.set(store, sagaHost({ ...options, plans, runtime: options.runtimeOf(store)! }));
      return [...hosts.values()];
    },
  };
}

function plansByStore(sagas: readonly Saga[]): Map<Store<any>, readonly SagaPlan[]> {
  const byStore = new Map<Store<any>, readonly SagaPlan[]>();
  const seen: SagaPlan[] = [];
  for (const [index, saga] of sagas.entries()) checkFinished(saga, `app: \`sagas\`, at ${index}`);
  for (const { name, version, plan } of sagas) {
    if (seen.some((other) => other.name === name && other.store !== plan.store))
      throw new TypeError(`The versions of the saga "${name}" are kept in different stores; they need one.`);
    if (seen.some((other) => other.version === version))
      throw new TypeError(
        `The saga "${name}" is given twice in version ${version}; where they differ, say so by \`version\`.`,
      );
    seen.push(plan);
    byStore.set(plan.store, [...(byStore.get(plan.store) ?? []), plan]);
  }
  return byStore;
}

export interface SagaUse {
  run(saga: Saga, input: unknown, options: BeginOptions & WaitingOptions): Promise<unknown>;
  begin(saga: Saga, input: unknown, options: BeginOptions): Promise<void>;
  readonly runs: SagaRuns;
}

/** Of who has no types to be told by: that an id is missing is said where ids are checked. */
const noOptions = {} as BeginOptions;

/** What an app offers of its sagas. @param isStarted whether its stores are open */
export function sagaUse(hosts: readonly SagaHost[], clock: Clock, isStarted: () => boolean): SagaUse {
  function hostOf(saga: Saga, member: string): SagaHost {
    checkFinished(saga, member);
    const host = hosts.find(({ plans }) => plans.some(({ version }) => version === saga.version));
    if (host === undefined)
      throw new TypeError(
        `The saga "${saga.name}" (version ${saga.version}) was not given to this app; put it into \`sagas\`.`,
      );
    checkStarted();
    return host;
  }

  function checkStarted(): void {
    if (!isStarted()) throw new Error("This app has not started, or is stopped: its stores are not open.");
  }

  async function find(
    saga: Saga | string,
    id: string,
  ): Promise<{ run: SagaRun; host: SagaHost } | undefined> {
    checkStarted();
    const name = typeof saga === "string" ? saga : saga.name;
    for (const host of hosts) {
      const [run] = await sagaRuns(host.store, { saga: name, id });
      if (run !== undefined) return { run, host };
    }
    return undefined;
  }

  return {
    async begin(saga, input, options = noOptions) {
      await hostOf(saga, "app.begin").begin(saga.plan, input, options);
    },
    async run(saga, input, options = noOptions) {
      const host = hostOf(saga, "app.run");
      await host.begin(saga.plan, input, options);
      return host.outcome(saga.plan, options.id, options);
    },
    runs: {
      show: async (saga, id) => (await find(saga, id))?.run,
      async list(filter = {}) {
        checkStarted();
        return (await Promise.all(hosts.map((host) => sagaRuns(host.store, filter)))).flat();
      },
      async retry(saga, id, { undone = [] } = {}) {
        const found = await find(saga, id);
        const name = typeof saga === "string" ? saga : saga.name;
        if (found === undefined) throw new Error(`There is no run "${id}" of the saga ${name}.`);
        await unstick(found.host.store, found.run, undone, clock.now());
        found.host.wake();
      },
    },
  };
}

async function unstick(store: Store, run: SagaRun, undone: readonly string[], now: number): Promise<void> {
  const { saga, id } = run;
  const unknown = undone.filter((step) => !run.steps.some(({ name }) => name === step));
  if (unknown.length > 0)
    throw new Error(`${saga} "${id}" has no step ${unknown.map((step) => `"${step}"`).join(", ")}.`);
  await inTransaction(store, async (sql) => {
    const { changes } = await sql.query(
      `update warren_sagas set state = 'compensating', due_at = $1, since = $1
        where saga = $2 and id = $3 and state = 'stuck'`,
      [now, saga, id],
    );
    if (changes === 0) throw new Error(`${saga} "${id}" is ${run.state}; only what is stuck can be retried.`);
    for (const step of undone)
      await sql.query(
        "update warren_saga_steps set state = 'undone', undone_at = $1 where saga = $2 and id = $3 and step = $4",
        [now, saga, id, step],
      );
    await sql.query(
      `update warren_saga_steps set state = 'undoing', undo_attempts = 0, due_at = null, error = null
        where saga = $1 and id = $2 and state = 'stuck'`,
      [saga, id],
    );
  });
}
