import type { DestinationStream, Logger } from "pino";
import { type FileOptions, rolling } from "./file.ts";
import { type PlainOptions, plainLogger, standard } from "./plain.ts";

export interface LoggerOptions extends PlainOptions {
  /** Where lines go, where there is no `file`. @default "stdout" */
  readonly to?: "stdout" | "stderr";
  /** For people instead of programs; needs `pino-pretty`. @default where that is installed and lines go to a terminal */
  readonly pretty?: boolean;
  /** Into a file instead, which rotates; needs `pino-roll`. A path is short for `{ path }`. */
  readonly file?: string | FileOptions;
}

/**
 * The logger that Warren's apps have by default, and more: for people where it writes to a terminal, and into files that
 * rotate. One line per event, secrets redacted, written before the call returns: no line is lost, and no process kept.
 * @throws TypeError for an option that cannot be meant; Error where a package is missing, or the file cannot be made
 */
export async function logger(options: LoggerOptions = {}): Promise<Logger> {
  return plainLogger(options, await destinationOf(options));
}

async function destinationOf({ file, pretty, to = "stdout" }: LoggerOptions): Promise<DestinationStream> {
  if (file !== undefined) {
    if (pretty === true)
      throw new TypeError("logger: lines for people (`pretty`) go to a terminal, not to a `file`.");
    return rolling(typeof file === "string" ? { path: file } : file);
  }
  const stream = to === "stderr" ? process.stderr : process.stdout;
  const fd = to === "stderr" ? 2 : 1;
  return (pretty ?? stream.isTTY) ? forPeople(fd, pretty === true) : standard(fd);
}

async function forPeople(fd: 1 | 2, isWanted: boolean): Promise<DestinationStream> {
  const written = standard(fd);
  let format: (line: string) => string;
  try {
    const { prettyFactory } = (await import("pino-pretty")).default;
    format = prettyFactory({
      colorize: hasColours(fd),
      translateTime: "SYS:HH:MM:ss.l",
      ignore: "pid,hostname",
    });
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    if (!isWanted) return written;
    throw new Error(
      "logger: lines for people (`pretty`) need the package pino-pretty: npm install pino-pretty",
      {
        cause,
      },
    );
  }
  return { write: (line) => void written.write(format(line)) };
}

/** Heeds NO_COLOR and FORCE_COLOR, as Node.js does. */
function hasColours(fd: 1 | 2): boolean {
  const stream = fd === 2 ? process.stderr : process.stdout;
  return stream.isTTY && stream.hasColors();
}
