/**
 * `stuck`: it needs a person. `running`: something is being done now. `waiting`: for a time, an event or a retry. `undone`:
 * what was done of it was undone, or it failed and nothing of it was kept. `done`: nothing is left to do.
 */
export type ConversationState = "running" | "waiting" | "stuck" | "done" | "undone";

export const conversationStates: readonly ConversationState[] = [
  "stuck",
  "running",
  "waiting",
  "undone",
  "done",
];

/** One thing that happened, or has to, in a conversation. Times are milliseconds since the Unix epoch. */
export interface ConversationStep {
  /** The same wherever it is told; no two steps have one. */
  readonly key: string;
  readonly conversation: string;
  /** Whose it is; of a saga its name. */
  readonly service: string;
  /**
   * `reaction`: one that can be undone. `message`: an event or a call that waits to be sent. `schedule`: a time of a
   * schedule. `saga` and `saga-step`: a run and its steps. `dead-letter`: a message that was given up.
   */
  readonly kind: "reaction" | "message" | "schedule" | "saga" | "saga-step" | "dead-letter";
  /** The event, the method, the schedule, the run or the step. */
  readonly name: string;
  readonly state: ConversationState;
  /** The same in words: `"undone on payments.declined"`, `"waits for payments.settled, key 17"`. */
  readonly text: string;
  /** Since when it is so. */
  readonly at: number;
  readonly beganAt?: number | undefined;
  /** When something happens next by itself. */
  readonly dueAt?: number | undefined;
  /** How often what `text` says was tried; `undefined` where that is not counted, as for the undo of a reaction. */
  readonly attempts?: number | undefined;
  readonly error?: string | undefined;
  /** What it was given, or gave, as text; only where that was asked for. */
  readonly data?: string | undefined;
}

/** What all of its steps come to: the first of `stuck`, `running`, `waiting`, `undone` and `done` that one of them is. */
export function stateOf(steps: readonly ConversationStep[]): ConversationState {
  return conversationStates.find((state) => steps.some((step) => step.state === state)) ?? "done";
}

/** In the order in which they came to be as they are. */
export function inOrderOfTime(steps: readonly ConversationStep[]): ConversationStep[] {
  return steps.toSorted((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
}

/** What is said of an error or a payload is cut: an answer is for people, and not without end. */
export function shortened(text: string | null | undefined, maxChars: number): string | undefined {
  if (text === null || text === undefined) return undefined;
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}
