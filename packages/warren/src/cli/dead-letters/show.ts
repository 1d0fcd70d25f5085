import { type DeadLetter, type LetterBody, letterBody } from "../../index.ts";
import { inSession } from "../session.ts";
import { oneLine, printable } from "../table.ts";
import { ago, dateOf, terminalJson } from "../text.ts";
import { asJson } from "./letter-text.ts";

interface ShowOptions {
  readonly service?: readonly string[];
  readonly json?: boolean;
}

export function show(id: string, options: ShowOptions): Promise<void> {
  return inSession(async ({ letters, signal }) => {
    const found = await letters.show(id, { services: options.service, signal });
    if (options.json === true) for (const letter of found) console.log(terminalJson(await asJson(letter), 2));
    else await print(found, id);
    return found.length > 0;
  });
}

async function print(found: readonly DeadLetter[], id: string): Promise<void> {
  if (found.length === 0) {
    console.error(noSuch(id));
    return;
  }
  if (found.length > 1) console.log(`${found.length} letters have this id.\n`);
  console.log((await Promise.all(found.map(described))).join(`\n${"-".repeat(60)}\n\n`).trimEnd());
}

export function noSuch(id: string): string {
  return `No dead letter has the id ${oneLine(id)}. See: npx warren dead-letters list`;
}

async function described(letter: DeadLetter): Promise<string> {
  const body = await letterBody(letter);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["id", letter.id],
    ["service", letter.service],
    ["event", letter.type],
    ["reason", meanings[letter.reason] ?? letter.reason],
    ["error", letter.error],
    ["queue", letter.queue],
    ["tries", tries(letter)],
    ["first failed", when(letter.firstFailedAt)],
    ["given up", when(letter.failedAt)],
    ["edited", when(letter.editedAt)],
    ["version", letter.version],
    ["instance", letter.instance],
    ["conversation", letter.conversation],
    ["content type", letter.contentType],
    ["compressed", letter.contentEncoding],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(13)} ${oneLine(value)}`],
  );
  const headers = Object.entries(letter.headers).map(([name, value]) => `  ${oneLine(`${name}: ${value}`)}`);
  const parts = [
    lines.join("\n"),
    letter.stack === undefined ? "" : `stack\n${indented(letter.stack)}`,
    headers.length === 0 ? "" : `headers\n${headers.join("\n")}`,
    `body (${letter.body.byteLength} bytes${bodyKind(body)})\n${indented(bodyText(body))}`,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** The reasons that a letter can have, explained. */
export const meanings: Readonly<Record<string, string>> = {
  failed: "failed: the last try failed, or another would be of no use",
  "given-up": "given-up: failed, and its gaveUp has told others; a replay does not run it",
  "undo-failed": "undo-failed: what it should have undone is not undone",
  invalid: "invalid: not what the contract says",
  undecodable: "undecodable: its bytes are not what its content type says, or nothing here reads that",
  unknown: "unknown: of a type that the service does not know",
  crashed: "crashed: its process was gone each time it was tried",
  rejected: "rejected: the broker was told to move it",
  expired: "expired: it waited too long",
  maxlen: "maxlen: its queue was full",
  unrouted: "unrouted: its queue was deleted while it waited for a retry",
  unheard: "unheard: nobody subscribed to it",
};

function tries({ attempts, reason, replayed }: DeadLetter): string | undefined {
  const uncounted = reason === "crashed" ? ", those not counted whose process was gone" : "";
  const times = replayed === 0 ? "" : `, replayed ${replayed === 1 ? "once" : `${replayed} times`} before`;
  return attempts === undefined && replayed === 0
    ? undefined
    : `${attempts ?? "not counted"}${uncounted}${times}`;
}

function when(at: number | undefined): string | undefined {
  return at === undefined ? undefined : `${dateOf(at)} (${ago(at)} ago)`;
}

function bodyKind(body: LetterBody): string {
  return "base64" in body ? ", Base64" : "";
}

function bodyText(body: LetterBody): string {
  if ("json" in body) return JSON.stringify(body.json, null, 2);
  return "text" in body ? body.text : body.base64;
}

function indented(text: string): string {
  return printable(text)
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
