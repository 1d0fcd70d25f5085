import { reactionText } from "./paths.ts";
import type {
  MappedCall,
  MappedEvent,
  MappedReaction,
  MappedSaga,
  MappedService,
  MapWarning,
  SystemMap,
} from "./system-map.ts";

/** A map for people at a terminal: services and sagas, events and who takes them, warnings. Ends with a line feed. */
export function mapText({ services, sagas, events, warnings }: SystemMap): string {
  const blocks = [
    ...services.map(serviceLines),
    ...sagas.map(sagaLines),
    ...(events.length === 0 ? [] : [eventLines(events)]),
    ...(warnings.length === 0 ? [] : [warningLines(warnings)]),
  ];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function serviceLines({ name, methods, schedules, reactions, calls }: MappedService): string[] {
  return [
    name,
    ...(methods.length === 0 ? [] : [`  answers ${methods.join(", ")}`]),
    ...(schedules.length === 0 ? [] : [`  at times ${schedules.join(", ")}`]),
    ...reactions.flatMap(reactionLines),
    ...callLines(calls),
  ];
}

function reactionLines({ on, emits, exact, undoneOn, everyInstance }: MappedReaction): string[] {
  const where = everyInstance ? ", every instance" : "";
  const emitted = emits.length === 0 ? "" : ` ${exact ? "emits" : "may emit"} ${emits.join(", ")}`;
  return [
    `  on ${on}${where}${emitted}`,
    ...(undoneOn.length === 0 ? [] : [`    undone on ${undoneOn.join(", ")}`]),
  ];
}

function callLines(calls: readonly MappedCall[]): string[] {
  const certain = calls.filter((call) => call.certain).map(({ to }) => to);
  const possible = calls.filter((call) => !call.certain).map(({ to }) => to);
  return [
    ...(certain.length === 0 ? [] : [`  calls ${certain.join(", ")}`]),
    ...(possible.length === 0 ? [] : [`  may call ${possible.join(", ")}`]),
  ];
}

function sagaLines({ name, steps, waitsFor, calls }: MappedSaga): string[] {
  const named = steps.map((step) => `${step.name}${step.undone ? " (with undo)" : ""}`);
  return [
    `saga ${name}`,
    ...(named.length === 0 ? [] : [`  does ${named.join(", ")}`]),
    ...(waitsFor.length === 0 ? [] : [`  waits for ${waitsFor.join(", ")}`]),
    ...callLines(calls),
  ];
}

function eventLines(events: readonly MappedEvent[]): string[] {
  const width = Math.max(...events.map(({ id }) => id.length));
  return ["events", ...events.map((event) => `  ${event.id.padEnd(width)} → ${takersText(event)}`)];
}

function takersText({ from, takenBy, undoes, awaitedBy, heard }: MappedEvent): string {
  const takers = [
    ...takenBy,
    ...undoes.map((undone) => `undoes ${reactionText(undone)}`),
    ...awaitedBy.map((saga) => `saga ${saga}`),
    ...(heard ? ["beside services"] : []),
  ];
  const whence = { here: "", elsewhere: " (from elsewhere)", unknown: " (from a service not given)" };
  return `${takers.join(", ") || "nobody"}${whence[from]}`;
}

function warningLines(warnings: readonly MapWarning[]): string[] {
  const count = warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`;
  return [count, ...warnings.map(({ message }) => `  ${message}`)];
}
