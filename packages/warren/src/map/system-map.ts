/** Who emits what, who reacts to what, who undoes what on which event, and who calls whom: plain data, sorted by name. */
export interface SystemMap {
  readonly services: readonly MappedService[];
  readonly sagas: readonly MappedSaga[];
  /** The events of these services, and those of others that they listen to. */
  readonly events: readonly MappedEvent[];
  readonly warnings: readonly MapWarning[];
}

export interface MappedService {
  readonly name: string;
  readonly methods: readonly string[];
  /** The names of what it does at certain times. */
  readonly schedules: readonly string[];
  readonly reactions: readonly MappedReaction[];
  readonly calls: readonly MappedCall[];
}

export interface MappedReaction {
  readonly service: string;
  /** The id of the event. */
  readonly on: string;
  /** The ids of the events that it may emit, also while it is undone or given up. */
  readonly emits: readonly string[];
  /** Whether that is known, from its `emits`; else it is every event of its service but the one that it reacts to. */
  readonly exact: boolean;
  /** The ids of the events on which it is undone. */
  readonly undoneOn: readonly string[];
  readonly everyInstance: boolean;
  /** Whether it has a store to change. */
  readonly stored: boolean;
}

export interface MappedCall {
  /** The service that is called. */
  readonly to: string;
  /** A contract in `uses` may be there for its methods or for its events: `false` where the service listens to it, too. */
  readonly certain: boolean;
}

export interface MappedSaga {
  readonly name: string;
  /** In their order; those that run at the same time are one after the other here. */
  readonly steps: readonly MappedStep[];
  /** The services whose contracts it has: it may emit their events. */
  readonly uses: readonly string[];
  readonly calls: readonly MappedCall[];
  /** The ids of the events that it waits for. */
  readonly waitsFor: readonly string[];
}

export interface MappedStep {
  readonly name: string;
  readonly undone: boolean;
}

export interface MappedEvent {
  readonly id: string;
  readonly service: string;
  /** Whether its service is one of these, is known to run elsewhere, or is not known of. */
  readonly from: "here" | "elsewhere" | "unknown";
  /** Services that react to it. */
  readonly takenBy: readonly string[];
  /** Reactions that are undone on it. */
  readonly undoes: readonly { readonly service: string; readonly on: string }[];
  /** Sagas that wait for it. */
  readonly awaitedBy: readonly string[];
  /** Whether something beside services hears it, such as a gateway that pushes it. */
  readonly heard: boolean;
}

/**
 * - `untaken`: an event that nobody takes
 * - `unemitted`: an event that somebody waits for, and nobody emits
 * - `not-undone`: a reaction that changes its store, and is not undone on an event that says that a later one failed
 * - `cycle`: events that lead back to themselves, as the reactions' `emits` say
 * - `possible-cycle`: the same where some reactions do not say what they emit
 */
export interface MapWarning {
  readonly kind: "untaken" | "unemitted" | "not-undone" | "cycle" | "possible-cycle";
  /** For people: what it is, and what to do. */
  readonly message: string;
  /** The events that it is about, by their ids. Of a path or a cycle: in their order. */
  readonly events: readonly string[];
  /** The services that it is about. Of a path or a cycle: in their order. */
  readonly services: readonly string[];
}
