import type { DirectoryChange } from "./changes.ts";
import type { DirectoryInstance } from "./instance.ts";
import type { Presence } from "./messages.ts";

/** Who is known. Values are replaced, never changed. */
export interface Members {
  readonly size: number;
  /** Takes in what a process says of itself. @returns false where there is no room for it */
  told(presence: Presence, now: number): boolean;
  /** The broker says that it is gone. */
  lost(service: string, id: string): void;
  /** Nothing is heard of anybody just now. */
  doubt(): void;
  /** The broker counts as many as are known of this service. */
  confirm(service: string): void;
  of(service: string): readonly DirectoryInstance[];
  all(): readonly DirectoryInstance[];
  has(service: string, id: string): boolean;
  /** The services that run in that process. */
  servicesAt(id: string): readonly string[];
  /** Those that have instances. */
  services(): IterableIterator<string>;
}

/** @param maxInstances what is said of more than that is not taken in: anybody who reaches the broker can say it */
export function members(maxInstances: number, changed: (change: DirectoryChange) => void): Members {
  const byService = new Map<string, Map<string, DirectoryInstance>>();
  const servicesById = new Map<string, readonly string[]>();
  let size = 0;

  function put(instance: DirectoryInstance): void {
    const { service, id } = instance;
    const known = byService.get(service) ?? new Map<string, DirectoryInstance>();
    byService.set(service, known);
    const before = known.get(id);
    known.set(id, instance);
    if (before !== undefined) {
      if (isNews(instance, before)) changed({ kind: "changed", instance, before });
      return;
    }
    size++;
    changed({ kind: "joined", instance });
  }

  function remove(service: string, id: string, kind: "left" | "lost"): void {
    const known = byService.get(service);
    const instance = known?.get(id);
    if (known === undefined || instance === undefined) return;
    known.delete(id);
    if (known.size === 0) byService.delete(service);
    const others = servicesById.get(id)?.filter((each) => each !== service) ?? [];
    if (others.length === 0) servicesById.delete(id);
    else servicesById.set(id, others);
    size--;
    changed({ kind, instance });
  }

  function replace(instance: DirectoryInstance, stale: boolean): void {
    if (instance.stale !== stale) byService.get(instance.service)!.set(instance.id, { ...instance, stale });
  }

  return {
    get size() {
      return size;
    },
    told(presence, now) {
      const { said, instance: id, services, version, host, pid, since, load } = presence;
      if (said === "left") {
        for (const service of servicesById.get(id) ?? []) remove(service, id, "left");
        return true;
      }
      const fresh = services.filter(({ name }) => byService.get(name)?.has(id) !== true).length;
      if (size + fresh > maxInstances) return false;
      const ran = servicesById.get(id) ?? [];
      const runs = [...new Set(services.map(({ name }) => name))];
      for (const service of ran) if (!runs.includes(service)) remove(service, id, "left");
      if (runs.length > 0) servicesById.set(id, runs);
      const state = said === "leaving" ? "leaving" : "here";
      const common = { id, version, host, pid, since, state, load, heardAt: now, stale: false } as const;
      for (const { name, fingerprint } of services) put({ service: name, fingerprint, ...common });
      return true;
    },
    lost: (service, id) => remove(service, id, "lost"),
    doubt() {
      for (const known of byService.values()) for (const each of known.values()) replace(each, true);
    },
    confirm(service) {
      for (const each of byService.get(service)?.values() ?? []) replace(each, false);
    },
    of: (service) => [...(byService.get(service)?.values() ?? [])],
    all: () => [...byService.values()].flatMap((known) => [...known.values()]),
    has: (service, id) => byService.get(service)?.has(id) === true,
    servicesAt: (id) => servicesById.get(id) ?? [],
    services: () => byService.keys(),
  };
}

function isNews(now: DirectoryInstance, before: DirectoryInstance): boolean {
  const isSameLoad =
    now.load?.handlers === before.load?.handlers && now.load?.eventLoop === before.load?.eventLoop;
  return now.state !== before.state || !isSameLoad;
}
