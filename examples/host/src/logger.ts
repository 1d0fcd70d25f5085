import { type Logger, pino } from "pino";

/** To stderr, since stdout is for people who want to know what to type. */
export async function logger(level: string): Promise<Logger> {
  const to = { sync: true } as const;
  if (!process.stderr.isTTY) return pino({ level }, pino.destination({ dest: 2, ...to }));
  const { default: pretty } = await import("pino-pretty");
  return pino({ level }, pretty({ destination: 2, ...to }));
}
