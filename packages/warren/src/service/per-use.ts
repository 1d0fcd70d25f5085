import type { Uses } from "./context.ts";

/** One for each `uses`, not one for each message: objects with the same prototype are fast. */
const prototypes = new WeakMap<Uses, object>();

/**
 * An object for one member for each contract in `uses`. Asking it for another name is a mistake, which is told in place of
 * `undefined`, of which nobody could read a method.
 */
export function perUse(uses: Uses): Record<string, any> {
  let prototype = prototypes.get(uses);
  if (prototype === undefined) {
    prototype = new Proxy({}, { get: (target, name) => strange(uses, target, name) });
    prototypes.set(uses, prototype);
  }
  return Object.create(prototype) as Record<string, any>;
}

/** Loggers, `await` and the like ask every object for these. */
const askedOfAll = new Set<string | symbol>(["then", "toJSON"]);

/** @throws TypeError */
function strange(uses: Uses, target: object, name: string | symbol): unknown {
  if (typeof name === "symbol" || askedOfAll.has(name) || name in target) return Reflect.get(target, name);
  const known = Object.keys(uses);
  throw new TypeError(
    `No contract goes by the name of "${name}" here: \`uses\` has ${known.length === 0 ? "none" : known.join(", ")}.`,
  );
}
