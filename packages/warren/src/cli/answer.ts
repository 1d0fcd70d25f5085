import { writeFileSync } from "node:fs";

/** Writes a command's answer to a file or to standard output, and ends the process, whatever the user's module left open. */
export async function answer(text: string, out?: string): Promise<void> {
  if (out === undefined) await new Promise((resolve) => process.stdout.write(text, resolve));
  else writeFileSync(out, text);
  process.exit();
}
