/** On whose behalf something is done. Established at the edge, travels with every call and event that follows. */
export interface Principal {
  /** Who: the `sub` of a token. */
  readonly subject: string;
  /** What they may do. */
  readonly scopes: readonly string[];
  /** Further claims, as far as the edge was told to pass them on. */
  readonly claims?: Readonly<Record<string, unknown>>;
}
