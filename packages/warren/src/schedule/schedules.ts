import { isFault } from "../fault.ts";
import type { Random } from "../id.ts";
import type { Incoming } from "../message.ts";
import { headers } from "../names.ts";
import type { Operation } from "../service/context.ts";
import { Invocation, type InvocationScope } from "../service/invocation.ts";
import { compose, type Handler, type PlacedMiddleware } from "../service/middleware.ts";
import type { Running } from "../service/running.ts";
import type { Service } from "../service/service.ts";
import { inUnit } from "../store/in-unit.ts";
import type { Unit } from "../store/unit.ts";
import type { Probe } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import type { Consumer } from "../transport.ts";
import { type KeptSchedule, keeper, type Run } from "./keeper.ts";
import { defaultRunTimeoutMs, type Schedule } from "./schedule.ts";
import { standingRow } from "./standing.ts";
import { cronTimes } from "./times.ts";

export interface SchedulesOptions {
  readonly service: Service;
  readonly scope: InvocationScope;
  readonly clock: Clock;
  readonly random: Random;
  readonly running: Running;
  readonly probe?: Probe | undefined;
}

/** Keeps the schedules of a service in this instance of it. Begins at once; the store must be open. */
export function keepSchedules(
  { service, scope, clock, random, running, probe }: SchedulesOptions,
  middleware: readonly PlacedMiddleware[],
): readonly Consumer[] {
  const { contract, definition } = service;
  const { runtime } = scope;
  if (runtime === undefined) return [];
  return Object.entries((definition.schedules ?? {}) as Readonly<Record<string, Schedule<any>>>).map(
    ([name, { cron, timeZone = "UTC", ifMissed = "run", retry, timeoutMs = defaultRunTimeoutMs, run }]) => {
      const id = `${contract.name}.${name}`;
      const operation: Operation = { kind: "schedule", id, service: contract.name };
      const handler = compose(middleware, run as Handler);
      const seam = probe?.seam({ operation });
      const schedule: KeptSchedule = {
        ...{ id, cron, timeZone, ifMissed, retry: retry ?? definition.retry ?? {} },
        times: cronTimes(id, cron, timeZone),
        async attempt(one, last) {
          const made = messageOf(operation, one);
          const message = seam?.begin(made) ?? made;
          const work = (unit: Unit): unknown => {
            const deadline = clock.now() + timeoutMs;
            const invocation = new Invocation(scope, operation, message, deadline, undefined, unit);
            return running.run(handler, one.tick, invocation);
          };
          try {
            await inUnit(runtime.unit(), work, last);
          } catch (error) {
            message.work?.fail(error);
            throw error;
          } finally {
            message.work?.end();
          }
        },
        retried: () => probe?.retried(contract.name, id),
        isInterrupted: (error) =>
          running.aborted && isFault(error) && error.from === undefined && error.code === "STOPPED",
      };
      return keeper({ schedule, row: standingRow(runtime.store, contract.name, name), scope, clock, random });
    },
  );
}

/** No message brings a time of a schedule. What handlers are told of theirs is said the same way. */
function messageOf({ id }: Operation, { conversation, attempt }: Run): Incoming {
  return {
    exchange: "",
    key: "",
    body: new Uint8Array(),
    persistent: false,
    redelivered: attempt > 1,
    returns: 0,
    type: id,
    messageId: conversation,
    headers: { [headers.attempt]: attempt },
  };
}
