import { createHash } from "node:crypto";
import { contract } from "../contract/contract.ts";
import type { Invocation } from "../service/invocation.ts";
import { type Service, service } from "../service/service.ts";
import { type Dialect, inTransaction, type Sql } from "../store.ts";
import { storedKey } from "../stored-key.ts";
import type { Clock } from "../time.ts";
import type { Ledger } from "./ledger.ts";
import type { SagaPlan, WaitPlan } from "./plan.ts";
import { noteStep, type Run, type StepRow } from "./run.ts";
import { toText } from "./stored-json.ts";

/** A signal is of use for as long as a run may ask for it, and some time more for runs whose processes are down. */
const spareMs = 86_400_000;

/**
 * What hears the events that sagas of one name wait for: a service of that name, whose reactions keep each event as a
 * signal, once for each message. `undefined` where they wait for none.
 */
export function signalService(
  plans: readonly SagaPlan[],
  clock: Clock,
  wake: () => void,
): Service | undefined {
  const [first] = plans;
  const waits = plans.flatMap(({ stages }) => stages.filter((stage) => stage.kind === "wait"));
  if (first === undefined || waits.length === 0) return undefined;
  const { name, store } = first;
  const on: Record<string, (event: unknown, context: unknown) => Promise<void>> = {};
  for (const { id } of new Set(waits.map(({ event }) => event))) {
    const mine = waits.filter(({ event }) => event.id === id);
    on[id] = (event, context) => record(first, mine, event, { context: context as Invocation, clock, wake });
  }
  const uses = Object.assign({}, ...plans.map((plan) => plan.uses));
  return service(contract(name, {}), { uses, methods: {}, on: on as never, store }) as Service;
}

async function record(
  { name: saga, store }: SagaPlan,
  waits: readonly WaitPlan[],
  event: unknown,
  {
    context,
    clock,
    wake,
  }: { readonly context: Invocation; readonly clock: Clock; readonly wake: () => void },
): Promise<void> {
  const unit = context.unit!;
  unit.whenCommitted(wake);
  // In one order everywhere: two events at once would else wait for each other.
  const expiresAt = clock.now() + Math.max(...waits.map(({ earlyMs }) => earlyMs)) + spareMs;
  const places = [
    ...new Set(waits.map(({ name, key }) => waitingFor(name, signalKey(saga, name, "key", key(event))))),
  ].sort();
  for (const place of places) {
    const [step, key] = partsOf(place);
    await lock(unit.sql, store.dialect, saga, place);
    await unit.sql.query(
      `insert into warren_saga_signals (saga, step, key, message_id, event, received_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
      [
        saga,
        step,
        key,
        storedKey(context.messageId),
        toText(event, `the event for ${saga}`) ?? "null",
        clock.now(),
        expiresAt,
      ],
    );
    await unit.sql.query(
      "update warren_sagas set due_at = $1 where saga = $2 and waiting = $3 and leased_by is null",
      [clock.now(), saga, place],
    );
  }
}

/** What a run waits for, as it stands in its row. A step's name has no line break; a key may have anything. */
function waitingFor(step: string, key: string): string {
  return `${step}\n${key}`;
}

/** What `key` or `equals` of a wait gave, as it is kept and compared. @throws TypeError where it is no text */
export function signalKey(saga: string, step: string, member: "key" | "equals", given: unknown): string {
  if (typeof given === "string" && given !== "") return storedKey(given);
  throw new TypeError(
    `Saga "${saga}", step "${step}": "${member}" returned ${given === "" ? "an empty text" : typeof given}; it has to return a text that tells for which runs the event is.`,
  );
}

/** The step and the key of what a row's `waiting` says. */
export function partsOf(place: string): [step: string, key: string] {
  const at = place.indexOf("\n");
  return [place.slice(0, at), place.slice(at + 1)];
}

/**
 * A signal that comes while a run begins to wait must either be seen by the run, or see that it waits. Without the lock,
 * each could miss the other.
 */
async function lock(sql: Sql, dialect: Dialect, saga: string, place: string): Promise<void> {
  // A key is anybody's text, and this name becomes part of a statement.
  const name = createHash("sha256").update(`${saga}\n${place}`).digest("hex");
  const statement = dialect.lock(`warren saga ${name}`);
  if (statement !== undefined) await sql.query(statement);
}

/** Takes the signal that a run waits for, if it is there; else says in the run's row that it waits. */
export async function takeSignal(
  ledger: Ledger,
  run: Run,
  wait: WaitPlan,
  { step, key, now }: { readonly step: StepRow; readonly key: string; readonly now: number },
): Promise<"taken" | "waiting" | "late"> {
  const place = waitingFor(wait.name, key);
  const taken = [...run.steps.values()].flatMap(({ signal }) => signal ?? []);
  let done: StepRow | undefined;
  const isLate = step.due_at !== null && step.due_at <= now;
  await inTransaction(run.plan.store, async (sql) => {
    await lock(sql, run.plan.store.dialect, run.plan.name, place);
    const { rows } = await sql.query<{ message_id: string; event: string }>(
      `select message_id, event from warren_saga_signals
        where saga = $1 and step = $2 and key = $3 and received_at >= $4
          order by received_at, message_id limit $5`,
      [run.plan.name, wait.name, key, step.began_at - wait.earlyMs, taken.length + 1],
    );
    const signal = rows.find(({ message_id }) => !taken.includes(message_id));
    if (signal !== undefined) {
      done = { ...step, state: "done", result: signal.event, signal: signal.message_id, done_at: now };
      await ledger.putStep(sql, run, done);
    } else if (!isLate) {
      await ledger.putStep(sql, run, step);
      const dueAt = earlier(step.due_at, run.deadline);
      await ledger.change(sql, run, { state: "waiting", dueAt, keep: false, waiting: place });
    }
  });
  if (done !== undefined) noteStep(run, done);
  return done !== undefined ? "taken" : isLate ? "late" : "waiting";
}

function earlier(one: number | null, other: number | undefined): number | null {
  return one === null ? (other ?? null) : Math.min(one, other ?? one);
}
