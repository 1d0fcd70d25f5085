import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "warren";

/** What Warren has to say, in `<who>.log` beside the history: read by people when something was lost. */
export function processLog(folder: string, who: string): Logger {
  const file = openSync(join(folder, `${who}.log`), "a");
  const write =
    (level: string, bound: object) =>
    (data: object, message: string): void => {
      const { err, ...rest } = { ...bound, ...data } as { err?: unknown };
      const why = err instanceof Error ? err.message : err;
      const line = {
        time: new Date().toISOString(),
        level,
        message,
        ...(why === undefined ? {} : { why }),
        ...rest,
      };
      writeSync(file, `${JSON.stringify(line)}\n`);
    };
  const make = (bound: object): Logger => ({
    debug() {},
    info: write("info", bound),
    warn: write("warn", bound),
    error: write("error", bound),
    child: (data) => make({ ...bound, ...data }),
  });
  return make({});
}
