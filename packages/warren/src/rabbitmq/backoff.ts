import type { Settings } from "./options.ts";

/** Full jitter: a random time up to `baseMs` · 2ⁿ, so that many clients of one broker do not return all at once. */
export function backoffMs(settings: Settings, attempt: number): number {
  return settings.random() * Math.min(settings.capMs, settings.baseMs * 2 ** Math.min(attempt, 30));
}
