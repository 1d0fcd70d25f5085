import { type Service, type Store, service } from "warren";
import { db } from "../db/contract.ts";
import { pilot } from "./contract.ts";

/** Hands jobs along to the db service. A client is told at once where that is not there: nobody waits behind this one. */
export function pilotService(store: Store<unknown>): Service<typeof pilot> {
  return service(pilot, {
    uses: { db },
    // Of its own it keeps nothing but the answers to requests that came with a key.
    store,
    methods: {
      async list(input, { call }) {
        const began = performance.now();
        const page = await call.db.list(input, { ifDown: "fail" });
        return { tookMs: Math.round((performance.now() - began) * 10) / 10, page };
      },
      async find({ id }, { call, fail }) {
        const found = await call.db.find({ id }, { ifDown: "fail" });
        if (found === null) throw fail.MOVIE_NOT_FOUND({ id });
        return found;
      },
      // With a key, so that a db process which dies in the middle of it loses nothing, and the next one adds nothing twice.
      add: (movie, { call, key, messageId }) => call.db.add(movie, { key: key ?? messageId, ifDown: "fail" }),
    },
  });
}
