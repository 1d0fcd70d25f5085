import { sortedTexts } from "./sorted-texts.ts";
import type { MappedEvent, MappedSaga, MappedService, MapWarning } from "./system-map.ts";

/** Events that nobody takes, and events that are waited for in vain. */
export function loneEvents(
  services: readonly MappedService[],
  sagas: readonly MappedSaga[],
  events: readonly MappedEvent[],
): MapWarning[] {
  return events.flatMap((event) => {
    const waiting = waitingFor(event);
    if (waiting.length === 0 && event.from === "here" && !event.heard) return [untaken(event)];
    const why = waiting.length === 0 ? undefined : whyNever(event, services, sagas);
    return why === undefined ? [] : [unemitted(event, waiting, why)];
  });
}

/** Services and sagas that do something on it. */
function waitingFor({ takenBy, undoes, awaitedBy }: MappedEvent): string[] {
  const names = [
    ...takenBy,
    ...undoes.map(({ service }) => service),
    ...awaitedBy.map((name) => `saga ${name}`),
  ];
  return sortedTexts(names);
}

/** Why an event is never emitted; `undefined` where it may be. */
function whyNever(
  { id, service, from }: MappedEvent,
  services: readonly MappedService[],
  sagas: readonly MappedSaga[],
): string | undefined {
  if (from === "elsewhere") return undefined;
  if (from === "unknown") return `${service} is not among these services`;
  const { methods, reactions, schedules } = services.find(({ name }) => name === service)!;
  const mayEmit =
    methods.length > 0 ||
    schedules.length > 0 ||
    sagas.some(({ uses }) => uses.includes(service)) ||
    reactions.some(({ emits }) => emits.includes(id));
  return mayEmit
    ? undefined
    : `no reaction of ${service} says that it emits it, and it has no methods or schedules`;
}

function untaken({ id, service }: MappedEvent): MapWarning {
  return {
    kind: "untaken",
    message: `${id} is taken by nobody.`,
    events: [id],
    services: [service],
  };
}

function unemitted({ id }: MappedEvent, waiting: readonly string[], why: string): MapWarning {
  return {
    kind: "unemitted",
    message: `${id} is waited for by ${waiting.join(", ")} and never emitted: ${why}.`,
    events: [id],
    services: waiting,
  };
}
