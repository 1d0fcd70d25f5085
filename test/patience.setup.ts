import { vi } from "vitest";

/**
 * How long `vi.waitFor` and `vi.waitUntil` wait where a test does not say. Vitest's own second is less than a busy
 * machine with three workers takes for a few commits; it stays below the time-out of a test, so that a failure still
 * says which condition was not met.
 */
const patienceMs = 15_000;

function patient<C, O extends object>(wait: (check: C, options: O) => unknown) {
  return (check: C, options?: number | O) =>
    wait(check, {
      timeout: patienceMs,
      ...(typeof options === "number" ? { timeout: options } : options),
    } as O);
}

vi.waitFor = patient(vi.waitFor) as typeof vi.waitFor;
vi.waitUntil = patient(vi.waitUntil) as typeof vi.waitUntil;
