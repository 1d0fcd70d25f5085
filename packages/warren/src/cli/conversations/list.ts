import { type Conversation, type ConversationState, conversations } from "../../index.ts";
import { lineWidth, oneLine, table } from "../table.ts";
import { ago, terminalJson } from "../text.ts";
import { asJson, openStep, tellUnanswered } from "./conversation-text.ts";
import { inRunningSystem } from "./running-system.ts";

interface ListOptions {
  readonly state?: ConversationState;
  readonly service?: string;
  readonly since?: number;
  readonly limit: number;
  readonly json?: boolean;
}

export function list({ state, service, since, limit, json }: ListOptions): Promise<void> {
  return inRunningSystem(async ({ transport, letters }) => {
    const found = await conversations(transport).list({ state, service, sinceMs: since, limit });
    if (json === true) for (const one of found.conversations) console.log(terminalJson(asJson(one)));
    else print(found.conversations, limit);
    if (found.conversations.length === 0 && service !== undefined)
      tellUnknown(service, await letters.services());
    tellUnanswered(found.unanswered);
    return found.conversations.length > 0;
  });
}

/** A mistyped name would match nothing, which reads like good news. */
function tellUnknown(service: string, known: readonly string[]): void {
  if (known.includes(service)) return;
  const there = known.length === 0 ? "None has started yet." : `There are: ${known.map(oneLine).join(", ")}.`;
  console.error(`No service "${oneLine(service)}" ever started on this broker. ${there}`);
}

function print(found: readonly Conversation[], limit: number): void {
  if (found.length === 0) {
    console.log("No conversation matches; --since looks further back than a week.");
    return;
  }
  const columns = [
    { title: "ID" },
    { title: "STATE" },
    { title: "SINCE", right: true },
    { title: "BEGAN", right: true },
    { title: "SERVICES", least: 12 },
    { title: "WHERE", least: 24 },
  ];
  const rows = found.map((one) => {
    const step = openStep(one);
    return [
      one.id,
      one.state,
      ago(step?.at ?? one.lastAt),
      ago(one.beganAt),
      one.services.join(","),
      step === undefined ? "" : `${step.service} ${step.name}: ${step.text}`,
    ];
  });
  for (const line of table(columns, rows, lineWidth())) console.log(line);
  const counted = `${found.length.toLocaleString("en")} ${found.length === 1 ? "conversation" : "conversations"}`;
  console.log(`\n${counted}.${found.length === limit ? " There may be more: --limit." : ""}`);
}
