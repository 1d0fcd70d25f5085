import { letterBody } from "../dead-letters/letter.ts";
import type { Outgoing } from "../message.ts";
import { type ConversationSource, latestOf, rowsOf } from "./source.ts";
import { type ConversationStep, shortened } from "./step.ts";

const table = "warren_outbox";
const maxErrorChars = 500;
const maxDataChars = 4_000;

interface Row {
  readonly id: string;
  readonly service: string;
  readonly kind: "event" | "call";
  readonly type: string;
  readonly conversation: string;
  /** Its properties, as JSON. */
  readonly message: string;
  readonly body: Uint8Array;
  readonly due_at: number;
  readonly leased_by: string | null;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly created_at: number;
}

/** Messages that wait to be sent: what is on its way, what is to be sent later, and what could not be sent yet. */
export const messages: ConversationSource = {
  recent: (sql, wanted) => latestOf(sql, { table, at: "created_at", open: "1 = 1" }, wanted),
  async steps(sql, asked) {
    const rows = await rowsOf<Row>(sql, table, asked);
    return Promise.all(rows.map((row) => stepOf(row, asked.now, asked.data)));
  },
};

async function stepOf(row: Row, now: number, data: boolean): Promise<ConversationStep> {
  const isSent = row.leased_by !== null;
  const isLater = row.due_at > now;
  return {
    ...{ key: `message ${row.id}`, conversation: row.conversation, service: row.service },
    ...{ kind: "message", name: row.type, state: isSent || !isLater ? "running" : "waiting" },
    text: isSent || !isLater ? "being sent" : row.attempts > 0 ? "to be sent again" : "to be sent later",
    at: row.created_at,
    dueAt: isSent || !isLater ? undefined : row.due_at,
    attempts: row.attempts,
    error: shortened(row.last_error, maxErrorChars),
    data: data ? shortened(await textOf(row), maxDataChars) : undefined,
  };
}

async function textOf({ message, body }: Row): Promise<string> {
  const shown = await letterBody({ ...(JSON.parse(message) as Omit<Outgoing, "body">), body });
  if ("json" in shown) return JSON.stringify(shown.json);
  return "text" in shown ? shown.text : shown.base64;
}
