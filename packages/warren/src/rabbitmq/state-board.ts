import type { TransportState } from "../transport.ts";

/** Works the state out again on request, and tells the watchers when it differs. */
export interface StateBoard {
  readonly state: TransportState;
  update(): void;
  watch(changed: (state: TransportState) => void): () => void;
}

export function stateBoard(work: () => TransportState): StateBoard {
  const watchers = new Set<(state: TransportState) => void>();
  let state = work();
  return {
    get state() {
      return state;
    },
    update() {
      const next = work();
      if (
        next.publishing === state.publishing &&
        next.consuming === state.consuming &&
        next.reason === state.reason
      )
        return;
      state = next;
      for (const changed of [...watchers]) changed(next);
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
  };
}
