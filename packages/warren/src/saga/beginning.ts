import { isDeepStrictEqual } from "node:util";
import { validated } from "../contract/schema.ts";
import { Fault } from "../fault.ts";
import type { Headers } from "../message.ts";
import type { Principal } from "../principal.ts";
import { isKey } from "../rpc/key.ts";
import type { Unit } from "../store/unit.ts";
import type { Sql, Store } from "../store.ts";
import type { SagaPlan } from "./plan.ts";
import type { RunRow } from "./run.ts";
import { checkFinished, type Saga } from "./saga.ts";
import { shapeOf } from "./shape.ts";
import { toText } from "./stored-json.ts";

export interface Beginning {
  readonly id: string;
  /** Validated, as JSON: see `inputText`. */
  readonly input: string;
  readonly conversation: string | undefined;
  readonly principal: Principal | undefined;
  readonly trace?: Headers | undefined;
  readonly now: number;
  /** Where this process goes on with it at once. */
  readonly lease?: { readonly by: string; readonly until: number } | undefined;
}

const longestId = 128;

/**
 * The input of a run, as it is kept.
 * @throws Fault INVALID_INPUT; TypeError for an id that is none
 */
export async function inputText(plan: SagaPlan, id: string, input: unknown): Promise<string> {
  if (!isKey(id) || id.length > longestId)
    throw new TypeError(
      `Saga "${plan.name}": a run needs an id, as in { id: "o-1" }: a text of 1 to ${longestId} characters, none of them a control character.`,
    );
  const what = `The input of the saga ${plan.name}`;
  return toText(await validated(plan.input, input, "INVALID_INPUT", what), what) ?? "null";
}

/**
 * Writes down that there is a run, in whatever transaction `sql` is of. Does nothing where there is one of that id already.
 * @returns its row, where it was not there before
 * @throws Fault KEY_REUSED where the one that is there was begun with another input
 */
export async function beginRun(sql: Sql, plan: SagaPlan, beginning: Beginning): Promise<RunRow | undefined> {
  const { id, input, conversation = `${plan.name}/${id}`, principal, trace, now, lease } = beginning;
  const deadline = plan.deadlineMs === undefined ? null : now + plan.deadlineMs;
  const { rows } = await sql.query<RunRow>(
    `insert into warren_sagas (saga, id, version, shape, state, input, conversation, principal, trace, deadline,
      due_at, leased_by, fence, began_at, since)
      values ($1, $2, $3, $4, 'running', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    on conflict do nothing returning *`,
    [
      ...[plan.name, id, plan.version, JSON.stringify(shapeOf(plan.stages)), input, conversation],
      ...[principal === undefined ? null : JSON.stringify(principal)],
      ...[trace === undefined ? null : JSON.stringify(trace), deadline],
      // A fence that no earlier run of this id has had, which was deleted: by the time, which is ahead of any count.
      ...[lease?.until ?? now, lease?.by ?? null, now, now, now],
    ],
  );
  if (rows[0] !== undefined) return rows[0];
  const there = await sql.query<{ input: string }>(
    "select input from warren_sagas where saga = $1 and id = $2",
    [plan.name, id],
  );
  const known = there.rows[0]?.input;
  if (known !== undefined && !isDeepStrictEqual(JSON.parse(known), JSON.parse(input)))
    throw new Fault(
      "KEY_REUSED",
      { saga: plan.name, id },
      {
        message: `${plan.name} "${id}" was begun before with another input; a run of its own needs an id of its own.`,
      },
    );
  return undefined;
}

export interface BeginningInHandler
  extends Pick<Beginning, "id" | "conversation" | "principal" | "trace" | "now"> {
  /** The handler's. */
  readonly store: Store<any> | undefined;
  readonly wake: (() => void) | undefined;
}

/**
 * Begins a run in a handler's transaction.
 * @throws TypeError for an unfinished saga, and for one that is kept elsewhere
 */
export async function beginWith(
  unit: Unit,
  saga: Saga,
  input: unknown,
  { store, wake, ...beginning }: BeginningInHandler,
): Promise<void> {
  checkFinished(saga, "context.begin");
  if (store !== saga.plan.store)
    throw new TypeError(
      `The saga "${saga.name}" is kept in another store than this handler's: a run of it cannot be begun together with what the handler changes. Give both the same store, or use app.begin.`,
    );
  const text = await inputText(saga.plan, beginning.id, input);
  await beginRun(unit.sql, saga.plan, { ...beginning, input: text });
  if (wake !== undefined) unit.whenCommitted(wake);
}
