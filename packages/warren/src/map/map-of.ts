import { type AnyContract, type Event, eventsOf, methodsOf } from "../contract/contract.ts";
import type { Saga } from "../saga/saga.ts";
import type { Service } from "../service/service.ts";
import { cycleWarnings } from "./cycles.ts";
import { loneEvents } from "./lone-events.ts";
import { mappedCalls } from "./mapped-calls.ts";
import { mappedSaga } from "./mapped-saga.ts";
import { reactionsOf } from "./reactions.ts";
import { sortedTexts } from "./sorted-texts.ts";
import type { MappedEvent, MappedSaga, MappedService, SystemMap } from "./system-map.ts";
import { undoWarnings } from "./undo-warnings.ts";

export interface MapOptions {
  readonly sagas?: readonly Saga[];
  /** Events that something beside services hears: a gateway that pushes them, `app.subscribe`, another program. */
  readonly heard?: readonly Event[];
  /** Contracts of services that run elsewhere: they may emit what they announce. */
  readonly elsewhere?: readonly AnyContract[];
}

/**
 * The map of a system, derived from its services: nothing runs, and nothing is asked. What a reaction emits is known
 * where it says so (`emits`); otherwise it may be every event of its service but the one that it reacts to. Methods and
 * schedules may emit every event of their service, sagas every event of the contracts they use.
 * @throws TypeError where two services have the same contract
 */
export function mapOf(services: readonly Service<any>[], options: MapOptions = {}): SystemMap {
  checkUnique(services);
  const sorted = services.toSorted((one, other) => (one.contract.name < other.contract.name ? -1 : 1));
  const mapped = sorted.map(mappedService);
  const sagas = (options.sagas ?? []).map(mappedSaga).sort((one, other) => (one.name < other.name ? -1 : 1));
  const events = mappedEvents(sorted, mapped, sagas, options);
  const reactions = mapped.flatMap((service) => service.reactions);
  return {
    services: mapped,
    sagas,
    events,
    warnings: [
      ...loneEvents(mapped, sagas, events),
      ...undoWarnings(reactions, events),
      ...cycleWarnings(reactions),
    ],
  };
}

function mappedService(service: Service): MappedService {
  const { contract, definition } = service;
  const reactions = reactionsOf(service);
  const heard = reactions.flatMap(({ on, undoneOn }) => [on, ...undoneOn]);
  return {
    name: contract.name,
    methods: sortedTexts(methodsOf(contract).map(({ name }) => name)),
    schedules: sortedTexts(Object.keys(definition.schedules ?? {})),
    reactions,
    calls: mappedCalls(definition.uses ?? {}, heard).filter(({ to }) => to !== contract.name),
  };
}

function mappedEvents(
  services: readonly Service[],
  mapped: readonly MappedService[],
  sagas: readonly MappedSaga[],
  { heard = [], elsewhere = [] }: MapOptions,
): MappedEvent[] {
  const here = new Set(services.map(({ contract }) => contract.name as string));
  const others = new Set(elsewhere.map(({ name }) => name as string));
  const reactions = mapped.flatMap((service) => service.reactions);
  const ids = sortedTexts([
    ...services.flatMap(({ contract }) => eventsOf(contract as AnyContract).map(({ id }) => id)),
    ...reactions.flatMap(({ on, undoneOn }) => [on, ...undoneOn]),
    ...sagas.flatMap(({ waitsFor }) => waitsFor),
    ...heard.map(({ id }) => id),
  ]);
  return ids.map((id) => {
    const service = id.split(".", 1)[0]!;
    return {
      id,
      service,
      from: here.has(service) ? "here" : others.has(service) ? "elsewhere" : "unknown",
      takenBy: reactions.filter(({ on }) => on === id).map((reaction) => reaction.service),
      undoes: reactions
        .filter(({ undoneOn }) => undoneOn.includes(id))
        .map((reaction) => ({ service: reaction.service, on: reaction.on })),
      awaitedBy: sagas.filter(({ waitsFor }) => waitsFor.includes(id)).map(({ name }) => name),
      heard: heard.some((event) => event.id === id),
    };
  });
}

function checkUnique(services: readonly Service<any>[]): void {
  const seen = new Set<string>();
  for (const { contract } of services) {
    if (seen.has(contract.name))
      throw new TypeError(`Two services implement the contract "${contract.name}"; a map has each once.`);
    seen.add(contract.name);
  }
}
