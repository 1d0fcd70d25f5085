import { createHash } from "node:crypto";

/** Which statements a connection keeps prepared. */
export interface Prepared {
  /** `undefined` where it is sent as it is. */
  nameOf(text: string): string | undefined;
  /** Its plan does not fit the tables any more, as after a migration: sent as it is from now on. */
  forget(text: string): void;
}

/** Of applications that write values into their statements only so many are kept, on each connection. */
const maxPrepared = 500;

export function prepared(): Prepared {
  const names = new Map<string, string>();
  const once = new Set<string>();
  const never = new Set<string>();
  return {
    nameOf(text) {
      const known = names.get(text);
      if (known !== undefined) return known;
      if (names.size >= maxPrepared || never.has(text)) return undefined;
      // What comes only once is not worth it.
      if (!once.delete(text)) {
        if (once.size >= maxPrepared) once.delete(once.values().next().value!);
        once.add(text);
        return undefined;
      }
      // A hash: several stores may share a pool, and with it what its connections have prepared.
      const name = `warren_${createHash("sha256").update(text).digest("base64url").slice(0, 22)}`;
      names.set(text, name);
      return name;
    },
    forget(text) {
      names.delete(text);
      never.add(text);
    },
  };
}
