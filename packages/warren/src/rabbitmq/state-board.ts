import type { Logger } from "../log.ts";
import type { TransportState } from "../transport.ts";

/** Works the state out again on request, and tells the watchers when it differs. */
export interface StateBoard {
  readonly state: TransportState;
  update(): void;
  watch(changed: (state: TransportState) => void): () => void;
}

export function stateBoard(log: Logger, work: () => TransportState): StateBoard {
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
      for (const changed of [...watchers]) {
        // Another's mistake must not stop the reconnecting that this is told in the middle of.
        try {
          changed(next);
        } catch (error) {
          log.error({ err: error }, "a watcher of the transport's state threw");
        }
      }
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
  };
}
