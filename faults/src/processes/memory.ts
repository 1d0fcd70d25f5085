import type { Role } from "../history/entry.ts";
import type { Journal } from "../history/journal.ts";

const everyMs = 500;

/** Writes down the most memory that this process ever had, as long as it lives. */
export function watchMemory(history: Journal, who: string, role: Role): void {
  const write = (): void =>
    history.write({ is: "memory", who, role, mib: Math.round(process.resourceUsage().maxRSS / 1_024) });
  write();
  setInterval(write, everyMs).unref();
}
