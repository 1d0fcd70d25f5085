import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { type DeadLetter, letterBody } from "../../index.ts";
import { inSession, type Session } from "../session.ts";
import { rehearsal, report, reportEdited } from "./report.ts";
import { noSuch } from "./show.ts";

interface EditOptions {
  readonly service?: readonly string[];
  readonly body?: string;
  readonly bodyFile?: string;
  readonly replay?: boolean;
  readonly dryRun?: boolean;
}

export function edit(id: string, options: EditOptions, command: Command): Promise<void> {
  if (options.body !== undefined && options.bodyFile !== undefined)
    command.error("error: give --body or --body-file, not both.", { exitCode: 2 });
  return inSession((session) => editOne(session, id, options));
}

async function editOne({ letters, signal }: Session, id: string, options: EditOptions): Promise<boolean> {
  const where = { services: options.service, signal };
  const found = await letters.show(id, where);
  const [letter] = found;
  if (letter === undefined) {
    console.error(noSuch(id));
    return false;
  }
  if (found.length > 1) console.error(`${found.length} letters have this id; all of them get the new body.`);
  const body = await newBody(letter, options);
  if (body === undefined) {
    console.error("Nothing was changed.");
    return false;
  }
  const { dryRun } = options;
  const changed = await letters.edit(id, { body }, { ...where, dryRun });
  const isChanged = changed.done > 0 && changed.stayed.length === 0;
  if (dryRun === true || options.replay !== true || !isChanged) {
    if (dryRun === true)
      rehearsal(changed, options.replay === true ? "Would change and replay" : "Would change");
    else report(changed, "changed");
    return isChanged;
  }
  const replayed = await letters
    .replay({ services: options.service, ids: [id] }, { signal })
    .catch((error) => {
      report(changed, "changed");
      throw error;
    });
  reportEdited(changed, replayed);
  return replayed.done > 0 && replayed.stayed.length === 0;
}

async function newBody(letter: DeadLetter, { body, bodyFile }: EditOptions): Promise<string | undefined> {
  if (body === "-" || bodyFile === "-") return (await text(process.stdin)).trimEnd();
  if (bodyFile !== undefined) return (await readFile(bodyFile, "utf8")).trimEnd();
  return body ?? (await inEditor(letter));
}

/** @returns `undefined` when nothing was changed */
async function inEditor(letter: DeadLetter): Promise<string | undefined> {
  const content = await letterBody(letter);
  if ("base64" in content)
    throw new Error("The body of this letter is no text. Give the new one with --body or --body-file.");
  const before = "json" in content ? JSON.stringify(content.json, null, 2) : content.text;
  // A folder that only this user can read: bodies are other people's data.
  const folder = await mkdtemp(join(tmpdir(), "warren-letter-"));
  const file = join(folder, "json" in content ? "body.json" : "body.txt");
  let isKept = false;
  try {
    await writeFile(file, `${before}\n`, { mode: 0o600 });
    await openEditor(file);
    const after = (await readFile(file, "utf8")).trimEnd();
    if (after === before.trimEnd()) return undefined;
    if (!("json" in content)) return after;
    isKept = true;
    // Laid out for reading in the editor only.
    const json = compact(after, file);
    isKept = false;
    return json;
  } finally {
    if (!isKept) await rm(folder, { recursive: true, force: true });
  }
}

function compact(json: string, file: string): string {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch (error) {
    throw new Error(
      `The new body is no JSON, and nothing was changed: ${(error as Error).message}\nWhat you wrote is in ${file}; mend it, and give it with --body-file.`,
    );
  }
}

function openEditor(file: string): Promise<void> {
  const editor = process.env.VISUAL || process.env.EDITOR;
  if (!editor)
    throw new Error(
      "No editor is named. Set VISUAL or EDITOR, or give the new body with --body or --body-file.",
    );
  return new Promise((resolve, reject) => {
    // By the shell, as others do it: the variable may hold options, such as "code --wait".
    const running = spawn("sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" });
    running.once("error", (cause) => reject(new Error(`The editor could not be started: ${cause.message}`)));
    running.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`The editor ended with ${code}; nothing was changed.`)),
    );
  });
}
