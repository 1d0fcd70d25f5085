import { contract, rpc } from "warren";
import { z } from "zod";

/** What is told to users. Importing it brings no database along. */
export const notifications = contract("notifications", {
  methods: {
    latest: rpc({
      http: "GET /notifications",
      summary: "Your own latest notifications, the newest first",
      access: "authenticated",
      input: z.object({ limit: z.int().min(1).max(100).default(20) }),
      output: z.array(z.object({ id: z.int(), text: z.string(), at: z.iso.datetime() })),
      idempotent: true,
    }),
  },
  events: {
    posted: z.object({ userId: z.string(), text: z.string() }),
  },
});
