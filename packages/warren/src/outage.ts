import type { Logger } from "./log.ts";

/** Something that is away for a while: said once when it begins, and once when it is over. */
export interface Outage {
  began(error: unknown): void;
  ended(): void;
}

export function outage(
  log: Logger,
  words: { readonly began: string; readonly ended: string },
  about: object = {},
): Outage {
  let isOn = false;
  return {
    began(err) {
      if (!isOn) log.warn({ ...about, err }, words.began);
      isOn = true;
    },
    ended() {
      if (isOn) log.info(about, words.ended);
      isOn = false;
    },
  };
}
