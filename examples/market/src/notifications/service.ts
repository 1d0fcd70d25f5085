import { type Service, service } from "warren";
import { market } from "../market/contract.ts";
import { notifications } from "./contract.ts";
import type { Notices } from "./notices.ts";

/** Tells sellers of their sales. Knows the market by its contract alone. */
export function notificationsService(notices: Notices): Service<typeof notifications> {
  return service(notifications, {
    uses: { market },
    // One at a time, so that a duplicate which comes at once finds what the first one has written. Two instances could
    // still post the same notice when the broker delivers it to both; it is listed once all the same.
    concurrency: 1,
    methods: {
      latest: ({ limit }, { principal }) => notices.latest(principal.subject, limit),
    },
    on: {
      /** Waits in this service's queue while it is away, and may arrive more than once. */
      async "market.sold"({ itemId, sellerId: userId }, { messageId, emit }) {
        const text = `Item #${itemId} was sold!`;
        if (!(await notices.keep({ messageId, userId, text }))) return;
        // Marked only after it was posted: killed in between, it is posted again rather than never.
        await emit.posted({ userId, text });
        await notices.markPosted(messageId);
      },
    },
  });
}
