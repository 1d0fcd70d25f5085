import type { DestinationStream } from "pino";
import { wholeNumber } from "../whole-number.ts";

export interface FileOptions {
  /** `logs/stock.log` becomes `logs/stock.2026-11-21.1.log` and so on; its folder is made where it is missing. */
  readonly path: string;
  /** A new file when one has so many bytes. @default 100 MiB */
  readonly maxBytes?: number;
  /** A new file every day, or every hour. @default "daily" */
  readonly every?: "daily" | "hourly";
  /** How many files are kept beside the one in use; older ones are deleted. @default 14 */
  readonly keep?: number;
}

/** What waits in memory while the disk takes nothing, in bytes; beyond it lines are dropped. */
const maxWaiting = 16 * 2 ** 20;

/** @throws Error where pino-roll is missing, or the file cannot be made */
export async function rolling(options: FileOptions): Promise<DestinationStream> {
  const { path, every = "daily" } = options;
  const maxBytes = wholeNumber("logger: `file.maxBytes`", options.maxBytes, 100 * 2 ** 20);
  const keep = wholeNumber("logger: `file.keep`", options.keep, 14);
  const { default: roll } = await loaded();
  const stream = await roll({
    file: path,
    size: `${maxBytes}b`,
    frequency: every,
    dateFormat: every === "daily" ? "yyyy-MM-dd" : "yyyy-MM-dd-HH",
    limit: { count: keep, removeOtherLogFiles: true },
    mkdir: true,
    // Not for everybody on this machine.
    mode: 0o640,
    sync: true,
    maxLength: maxWaiting,
  }).catch((cause: Error) => {
    throw new Error(`logger: no log can be kept at ${path}: ${cause.message}`, { cause });
  });
  let isBroken = false;
  // A full disk shall not end the process. Nobody would know of it, though.
  stream.on("error", (error) => {
    if (!isBroken) process.stderr.write(`The log cannot be written to ${path}: ${error.message}\n`);
    isBroken = true;
  });
  stream.on("write", () => {
    isBroken = false;
  });
  return stream;
}

interface Rolling extends DestinationStream {
  on(event: "error", heard: (error: Error) => void): unknown;
  on(event: "write", heard: () => void): unknown;
}

async function loaded(): Promise<{ readonly default: (options: object) => Promise<Rolling> }> {
  try {
    // @ts-expect-error It comes without types.
    return await import("pino-roll");
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Error("logger: a log in files needs the package pino-roll: npm install pino-roll", { cause });
  }
}
