import { AlreadyDone } from "../inbox/already-done.ts";
import type { Sql } from "../store.ts";
import type { Unit } from "./unit.ts";

/** Changes that belong to the same commit, made when the work is good. @throws what undoes all of it */
type Last<T> = (sql: Sql, result: T) => Promise<void>;

/**
 * Commits what `work` did in a unit once it resolves, and undoes it where it throws.
 * @throws what `work`, `last` or the commit does; AlreadyDone where the unit's message turned out to be done, also where
 * `work` hid that behind an error of its own
 */
export async function inUnit<T>(
  unit: Unit,
  work: (unit: Unit) => T | Promise<T>,
  last?: Last<T>,
): Promise<T> {
  try {
    const result = await work(unit);
    await unit.commit(last && ((sql) => last(sql, result)));
    return result;
  } catch (error) {
    await unit.rollback();
    throw unit.alreadyDone ?? error;
  }
}

/** The same for what is to be done once: where it turns out to be done, that is all. */
export async function onceInUnit<T>(
  unit: Unit,
  work: (unit: Unit) => T | Promise<T>,
  last?: Last<T>,
): Promise<void> {
  try {
    await inUnit(unit, work, last);
  } catch (error) {
    if (!(error instanceof AlreadyDone)) throw error;
  }
}
