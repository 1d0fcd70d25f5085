import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import type { Logger } from "../log.ts";
import type { Clock } from "../time.ts";

const againAfterMs = 60_000;
const maxTexts = 100;
const maxLength = 2_000;

/**
 * Hands on what the SDK complains of, which nobody would hear else. A collector that is away fails every export: the same
 * text is told once a minute.
 */
export function tellComplaints(log: Logger, clock: Clock): void {
  const toldAt = new Map<string, number>();
  const tell = (message: string, ...details: unknown[]): void => {
    const text = [message, ...details.map(textOf)].join(" ").slice(0, maxLength);
    const now = clock.now();
    if (now - (toldAt.get(text) ?? -Infinity) < againAfterMs) return;
    if (toldAt.size >= maxTexts) toldAt.clear();
    toldAt.set(text, now);
    log.warn({ reason: text }, "telemetry");
  };
  const ignore = (): void => {};
  const logger: DiagLogger = { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

function textOf(detail: unknown): string {
  return detail instanceof Error ? detail.message : String(detail);
}
