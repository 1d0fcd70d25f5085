/** Whether a process can do its work now, and if not, why. */
export interface Health {
  /** Started and not about to stop, connected, every consumer attached, every store reachable. */
  readonly ready: boolean;
  /** Why not, in words for whoever runs it: with names of hosts, queues and databases, without passwords. */
  readonly reason?: string | undefined;
  /** `app`, `transport`, and each store by its name: `postgres`, and `postgres-2` where there is a second one. */
  readonly checks: Readonly<Record<string, Check>>;
}

export interface Check {
  readonly ok: boolean;
  /** Why not, in words that anybody may read: without names of hosts. */
  readonly reason?: string | undefined;
  /** Why not, in detail, for the log. */
  readonly detail?: string | undefined;
}

/** What a probe is told. Who may reach a probe's address is not always known, so details are left out. */
export interface HealthDocument {
  readonly status: "ok" | "unavailable";
  readonly reason?: string | undefined;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason?: string | undefined }>>;
}

export function healthDocument({ ready, checks }: Health): HealthDocument {
  const told = Object.entries(checks).map(([name, { ok, reason }]) => [name, { ok, reason }] as const);
  const failed = told.find(([, { ok }]) => !ok);
  return {
    status: ready ? "ok" : "unavailable",
    reason: failed && (failed[0] === "app" ? failed[1].reason : `${failed[0]}: ${failed[1].reason}`),
    checks: Object.fromEntries(told),
  };
}

/** That a process answers is all there is to say: see `docs/health.md` for why it asks nobody else. */
export const alive: HealthDocument = { status: "ok", checks: {} };
