import { contract, rpc } from "warren";
import { z } from "zod";
import { movie, movieId, movieInput, page, pageInput } from "../movie.ts";

/** Keeps movies. Without routes: it is asked by other services only. */
export const db = contract("db", {
  methods: {
    list: rpc({ input: pageInput, output: page, idempotent: true }),
    find: rpc({ input: z.object({ id: movieId }), output: movie.nullable(), idempotent: true }),
    add: rpc({ input: movieInput, output: movie }),
  },
});
