import { type Conversation, type ConversationStep, conversations } from "../../index.ts";
import { oneLine } from "../table.ts";
import { ago, dateOf, terminalJson } from "../text.ts";
import { asJson, tellUnanswered } from "./conversation-text.ts";
import { inRunningSystem } from "./running-system.ts";

interface ShowOptions {
  readonly data?: boolean;
  readonly json?: boolean;
}

export function show(id: string, { data = false, json }: ShowOptions): Promise<void> {
  return inRunningSystem(async ({ transport }) => {
    const { conversation, unanswered } = await conversations(transport).show(id, { data });
    if (conversation === undefined)
      console.error(
        `Nobody knows of a conversation ${oneLine(id)}. What is done is known of reactions with undo, sagas and schedules only.\n` +
          "See: npx warren conversations list",
      );
    else if (json === true) console.log(terminalJson(asJson(conversation), 2));
    else print(conversation);
    tellUnanswered(unanswered);
    return conversation !== undefined;
  });
}

function print({ id, state, beganAt, lastAt, services, steps }: Conversation): void {
  console.log(`conversation  ${oneLine(id)}`);
  console.log(`state         ${state}`);
  console.log(`began         ${when(beganAt)}`);
  console.log(`last change   ${when(lastAt)}`);
  console.log(`services      ${oneLine(services.join(", "))}\n`);
  for (const step of steps) for (const line of linesOf(step)) console.log(line);
}

/** One line for what it is, and one for each thing more that there is to say. */
function linesOf(step: ConversationStep): string[] {
  const { at, service, kind, name, state, text, attempts, dueAt, error, data } = step;
  const tries = attempts !== undefined && attempts > 1 ? ` (${attempts} tries)` : "";
  return [
    `${dateOf(at)}  ${state.padEnd(7)}  ${oneLine(`${service}: ${kind} ${name}: ${text}`)}${tries}`,
    ...(dueAt === undefined ? [] : [`    next at ${dateOf(dueAt)}`]),
    ...(error === undefined ? [] : [`    error: ${oneLine(error)}`]),
    ...(data === undefined ? [] : [`    data: ${oneLine(data)}`]),
  ];
}

function when(at: number): string {
  return `${dateOf(at)} (${ago(at)} ago)`;
}
