import type { Incoming } from "../message.ts";
import type { Disposition, Handle } from "../transport.ts";

/** Tells the returns of a message that mean something from those that do not. */
export interface Returns {
  /** `handle`, with what is in hand being known. */
  attended(handle: Handle): Handle;
  /** For `ConsumeOptions.lost`: the connection is gone, and this process lives. So nothing that it had in hand has killed it. */
  lost(): void;
  /** How often a message came back for a reason that is not known here. */
  unexplained(message: Incoming): number;
}

/** Of more messages than this the explanation is forgotten, the oldest first. */
const maxRemembered = 10_000;

/** Knows by message ids; a message without one has no explanation. */
export function returns(): Returns {
  const inHand = new Set<Incoming>();
  const explained = new Map<string, number>();

  function settled(message: Incoming, disposition: Disposition): void {
    // What is settled on a lost connection comes again.
    if (!inHand.delete(message)) return;
    if (disposition !== "requeue" && message.messageId !== undefined) explained.delete(message.messageId);
  }

  return {
    attended: (handle) => async (message) => {
      inHand.add(message);
      try {
        const disposition = await handle(message);
        settled(message, disposition);
        return disposition;
      } catch (error) {
        settled(message, "reject");
        throw error;
      }
    },
    lost() {
      for (const { messageId } of inHand) {
        if (messageId === undefined) continue;
        const before = explained.get(messageId) ?? 0;
        // Again, so that it is the youngest.
        explained.delete(messageId);
        explained.set(messageId, before + 1);
      }
      inHand.clear();
      for (const oldest of explained.keys()) {
        if (explained.size <= maxRemembered) break;
        explained.delete(oldest);
      }
    },
    unexplained: ({ messageId, returns: all }) =>
      all === 0 || messageId === undefined ? all : Math.max(0, all - (explained.get(messageId) ?? 0)),
  };
}
