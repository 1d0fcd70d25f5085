import type { Transport } from "warren";

/** `transport` with some of its functions replaced. */
export function intercepted(transport: Transport, replaced: Partial<Transport>): Transport {
  return new Proxy(transport, {
    get(target, key) {
      const value = Reflect.get(replaced, key) ?? Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
