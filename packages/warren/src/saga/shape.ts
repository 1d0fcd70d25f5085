import { createHash } from "node:crypto";
import type { Stage } from "./plan.ts";

/** One stage, as it is kept with a run: its kind, its names, and the event that it waits for. */
export interface StageShape {
  readonly kind: Stage["kind"];
  readonly names: readonly string[];
  readonly event?: string;
}

/** What of a saga must stay as it is while runs are under way: which stages it has, in which order. */
export function shapeOf(stages: readonly Stage[]): readonly StageShape[] {
  return stages.map((stage) =>
    stage.kind === "wait"
      ? { kind: stage.kind, names: [stage.name], event: stage.event.id }
      : {
          kind: stage.kind,
          names: stage.kind === "parallel" ? stage.steps.map(({ name }) => name) : [stage.name],
        },
  );
}

/**
 * What a run keeps to: the saga's shape as a hash, and before it the version that its author gives, for changes that the
 * shape does not show.
 */
export function versionOf(name: string, shape: readonly StageShape[], given: string | undefined): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([name, shape]))
    .digest("hex")
    .slice(0, 12);
  return given === undefined ? hash : `${given}-${hash}`;
}

/** In words, which stages of a run are other ones in the saga that is here. */
export function difference(run: readonly StageShape[], here: readonly StageShape[]): string {
  const [before, now] = [run.map(text), here.map(text)];
  const gone = before.filter((each) => !now.includes(each));
  const added = now.filter((each) => !before.includes(each));
  const parts = [
    ...(gone.length > 0 ? [`the run has ${gone.join(", ")}, which is not here`] : []),
    ...(added.length > 0 ? [`here is ${added.join(", ")}, which the run does not have`] : []),
  ];
  if (parts.length > 0) return parts.join("; ");
  return before.join() === now.join()
    ? "the steps are the same, the version that the saga gives is another one"
    : `the order is another one: the run has ${before.join(", ")}, and here is ${now.join(", ")}`;
}

function text({ kind, names, event }: StageShape): string {
  if (kind === "parallel") return `parallel ${names.map((name) => `"${name}"`).join(" and ")}`;
  return event === undefined ? `${kind} "${names[0]}"` : `wait "${names[0]}" for ${event}`;
}
