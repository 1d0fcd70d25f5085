import type { Method } from "../contract/method.ts";
import type { Schema } from "../contract/schema.ts";
import type { Trace, Wanted } from "./source.ts";
import type { ConversationStep } from "./step.ts";

/** The `type` of the messages by which tools ask services about conversations. No contract can have a method of that name. */
export const conversationsType = "warren.conversations";

/** What is asked: which conversations there were, or all about some. */
export type Question =
  | ({ readonly ask: "recent" } & Wanted)
  | {
      readonly ask: "steps";
      readonly conversations: readonly string[];
      readonly data: boolean;
      /** How many of the steps were told already. */
      readonly from: number;
    };

export interface Recent {
  readonly found: readonly Trace[];
  /** What changed before is not among them: to be asked for again, up to that time. */
  readonly through?: number | undefined;
}

export interface Steps {
  readonly steps: readonly ConversationStep[];
  /** Where to go on, when there are more. */
  readonly next?: number | undefined;
}

export const maxRecent = 500;
export const maxAsked = 50;

/** Of one service: a method beside those of its contract, answered on the same queue. */
export function conversationsMethod(service: string): Method {
  return {
    kind: "method",
    id: conversationsType,
    service,
    name: "conversations",
    spec: {
      kind: "rpc",
      idempotent: true,
      input: schema(isQuestion, "a question about conversations"),
      output: schema((value) => typeof value === "object" && value !== null, "an answer"),
    },
  };
}

function isQuestion(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const asked = value as Partial<Record<string, unknown>>;
  if (asked.ask === "recent")
    return (
      typeof asked.open === "boolean" &&
      isWhole(asked.since) &&
      isWhole(asked.until) &&
      isWhole(asked.limit) &&
      asked.limit <= maxRecent
    );
  const { conversations } = asked;
  return (
    asked.ask === "steps" &&
    Array.isArray(conversations) &&
    conversations.length > 0 &&
    conversations.length <= maxAsked &&
    conversations.every((each) => typeof each === "string") &&
    typeof asked.data === "boolean" &&
    isWhole(asked.from)
  );
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function schema(isOne: (value: unknown) => boolean, what: string): Schema<any, any> {
  return {
    "~standard": {
      version: 1,
      vendor: "warren",
      validate: (value) => (isOne(value) ? { value } : { issues: [{ message: `This is not ${what}.` }] }),
    },
  };
}
