/** What `on` says of a reaction, as far as undoing goes. */
interface Said {
  readonly to?: unknown;
  readonly undo?: unknown;
  readonly key?: unknown;
  readonly gaveUp?: unknown;
}

/**
 * @param whose begins the messages, such as `Service "stock"`
 * @param known the events that the service can listen to
 * @throws TypeError where a reaction cannot be undone as it says
 */
export function checkUndo(
  whose: string,
  on: Readonly<Record<string, Said>>,
  known: ReadonlySet<string>,
  hasStore: boolean,
): void {
  for (const [id, said] of Object.entries(on)) {
    const name = `${whose} on "${id}"`;
    const { undo, key, gaveUp, to } = said;
    if (undo === undefined && gaveUp === undefined && key === undefined) continue;
    for (const [member, value] of Object.entries({ key, gaveUp }))
      if (value !== undefined && typeof value !== "function")
        throw new TypeError(`${name}: ${member} is ${typeof value}; it is a function.`);
    if (undo === undefined && gaveUp === undefined)
      throw new TypeError(`${name}: key is for reactions with "undo" or "gaveUp", and it has neither.`);
    if (!hasStore)
      throw new TypeError(
        `${name}: "undo" and "gaveUp" need to know what was done; give the service a store.`,
      );
    if (to === "every-instance")
      throw new TypeError(
        `${name}: what every instance does is not in the store's journal; leave out "to", or "undo" and "gaveUp".`,
      );
    if (undo !== undefined) checkEvents(name, id, undo, on, known);
  }
}

function checkEvents(
  name: string,
  id: string,
  undo: unknown,
  on: Readonly<Record<string, Said>>,
  known: ReadonlySet<string>,
): void {
  const handlers = typeof undo === "object" && undo !== null ? Object.entries(undo) : [];
  if (handlers.length === 0)
    throw new TypeError(
      `${name}: undo names no event; it is { "<service>.<event>": (event, context) => … }.`,
    );
  for (const [event, handler] of handlers) {
    if (typeof handler !== "function")
      throw new TypeError(`${name}: undo on "${event}" is ${typeof handler}; it is a function.`);
    if (!known.has(event))
      throw new TypeError(`${name}: undo on "${event}", an event of no contract in the service's "uses".`);
    if (event === id) throw new TypeError(`${name}: an event cannot undo what is done on itself.`);
    if (on[event]?.to === "every-instance")
      throw new TypeError(
        `${name}: undo on "${event}", to which every instance reacts; those that are down would miss it.`,
      );
  }
}
