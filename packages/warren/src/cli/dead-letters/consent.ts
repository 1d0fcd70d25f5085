import { createInterface } from "node:readline";

/** Whether the person at the terminal says yes. An empty answer, its end, and Ctrl-C are a no. */
export async function consent(question: string, signal: AbortSignal): Promise<boolean> {
  process.stderr.write(`${question} [y/N] `);
  // Not as a terminal: that would keep Ctrl-C from becoming a signal.
  const lines = createInterface({ input: process.stdin, terminal: false, signal });
  const answer = await new Promise<string>((resolve) => {
    lines.once("line", resolve).once("close", () => resolve(""));
  });
  lines.close();
  return /^\s*y(es)?\s*$/i.test(answer);
}
