import type { Settings } from "./options.ts";

/**
 * Tells the log of the connections of one transport as one story: one warning when the first of them is missing, one
 * when all are there again, and nothing louder than debug in between, however many attempts that takes. No line
 * carries an error object: its stack leads into this library, and whoever reads the line cannot mend anything there.
 */
export interface OutageLog {
  /** There is no connection for this purpose; another attempt follows. `what` is such as "cannot connect to RabbitMQ". */
  down(purpose: string, label: string, what: string, reason: string): void;
  up(purpose: string, label: string): void;
  /** A broker does not want us and no attempt follows. `text` is the whole message. */
  refused(purpose: string, label: string, text: string): void;
}

/** `purposes` names all connections that have to be there. */
export function outageLog({ clock, log }: Settings, purposes: readonly string[]): OutageLog {
  const missing = new Set(purposes);
  let since: number | undefined;
  let refusals = 0;
  let everComplete = false;
  return {
    down(purpose, label, what, reason) {
      missing.add(purpose);
      const level = since === undefined ? "warn" : "debug";
      since ??= clock.now();
      log[level]({ broker: label, purpose, reason }, `${what} at ${label} (${reason}); trying again`);
    },
    up(purpose, label) {
      missing.delete(purpose);
      refusals = 0;
      log[since === undefined ? "info" : "debug"]({ broker: label, purpose }, "connected to RabbitMQ");
      if (missing.size > 0) return;
      if (since !== undefined) {
        const awayMs = clock.now() - since;
        const again = everComplete ? " again" : "";
        log.warn({ broker: label, awayMs }, `connected to RabbitMQ at ${label}${again} after ${awayMs} ms`);
      }
      since = undefined;
      everComplete = true;
    },
    refused(purpose, label, text) {
      // The other connection is refused as well, and so is every later use; each of them gets the fault.
      log[refusals++ === 0 ? "error" : "debug"]({ broker: label, purpose }, text);
    },
  };
}
