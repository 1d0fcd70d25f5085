import { sortedTexts } from "./sorted-texts.ts";
import type { MappedCall, MappedEvent, MappedService, SystemMap } from "./system-map.ts";

/**
 * A map as a Mermaid flowchart: services are boxes, events round, sagas hexagons. A thick arrow is a call, a dotted one
 * undoes or may call; on an arrow to an event stands the reaction that emits it, where it says so. Events on which
 * something is undone are red, what is not among these services is dashed. Ends with a line feed.
 */
export function mapMermaid(map: SystemMap): string {
  const ids = nodeIds();
  const services = new Set(map.services.map(({ name }) => name));
  const calls = [
    ...map.services.flatMap(({ name, calls }) => callLines(ids("service", name), calls, ids)),
    ...map.sagas.flatMap(({ name, calls }) => callLines(ids("saga", name), calls, ids)),
  ];
  const called = [...map.services, ...map.sagas].flatMap((caller) => caller.calls.map(({ to }) => to));
  const emitting = map.events.filter(({ from }) => from !== "here").map(({ service }) => service);
  const others = sortedTexts([...called, ...emitting]).filter((name) => !services.has(name));
  const failures = map.events.filter(({ undoes }) => undoes.length > 0);
  const lines = [
    ...map.services.map(({ name }) => `${ids("service", name)}["${name}"]`),
    ...others.map((name) => `${ids("service", name)}["${name}"]`),
    ...map.sagas.map(({ name }) => `${ids("saga", name)}{{"saga ${name}"}}`),
    ...map.events.map(({ id }) => `${ids("event", id)}(["${id}"])`),
    ...(map.events.some(({ heard }) => heard) ? [`${ids("beside", "services")}["beside services"]`] : []),
    ...map.events.flatMap((event) => emitLines(event, map.services, ids)),
    ...map.events.flatMap((event) => takeLines(event, ids)),
    ...calls,
    ...classLines(
      "failure",
      "stroke:#c33",
      failures.map(({ id }) => ids("event", id)),
    ),
    ...classLines(
      "other",
      "stroke-dasharray:4",
      others.map((name) => ids("service", name)),
    ),
  ];
  return `flowchart LR\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

type NodeIds = (kind: "service" | "saga" | "event" | "beside", name: string) => string;

/** Names of services have hyphens, those of events dots; in the id of a node both could be read as something else. */
function nodeIds(): NodeIds {
  const known = new Map<string, string>();
  return (kind, name) => {
    const key = `${kind} ${name}`;
    const plain = `${kind}_${name.replaceAll(/\W/g, "_")}`;
    let id = known.get(key);
    if (id === undefined) {
      const taken = new Set(known.values());
      for (let n = 1; id === undefined || taken.has(id); n++) id = n === 1 ? plain : `${plain}_${n}`;
      known.set(key, id);
    }
    return id;
  };
}

/** One arrow where some part of the service may emit it unsaid; else one for each reaction that says so. */
function emitLines(
  { id, service, from }: MappedEvent,
  services: readonly MappedService[],
  ids: NodeIds,
): string[] {
  const arrow = `${ids("service", service)} -->`;
  const emitter = services.find(({ name }) => name === service);
  if (from !== "here" || emitter === undefined) return [`${arrow} ${ids("event", id)}`];
  const said = emitter.reactions.filter(({ exact, emits }) => exact && emits.includes(id));
  const unsaid =
    said.length === 0 || emitter.reactions.some(({ exact, emits }) => !exact && emits.includes(id));
  return [
    ...(unsaid ? [`${arrow} ${ids("event", id)}`] : []),
    ...said.map(({ on }) => `${arrow}|"on ${on}"| ${ids("event", id)}`),
  ];
}

function takeLines({ id, takenBy, undoes, awaitedBy, heard }: MappedEvent, ids: NodeIds): string[] {
  const event = ids("event", id);
  return [
    ...takenBy.map((name) => `${event} --> ${ids("service", name)}`),
    ...undoes.map(({ service, on }) => `${event} -.->|"undoes ${on}"| ${ids("service", service)}`),
    ...awaitedBy.map((name) => `${event} --> ${ids("saga", name)}`),
    ...(heard ? [`${event} --> ${ids("beside", "services")}`] : []),
  ];
}

function callLines(caller: string, calls: readonly MappedCall[], ids: NodeIds): string[] {
  return calls.map(({ to, certain }) =>
    certain ? `${caller} ==>|calls| ${ids("service", to)}` : `${caller} -.->|may call| ${ids("service", to)}`,
  );
}

function classLines(name: string, style: string, members: readonly string[]): string[] {
  return members.length === 0 ? [] : [`classDef ${name} ${style}`, `class ${members.join(",")} ${name}`];
}
