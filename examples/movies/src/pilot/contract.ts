import { contract, rpc } from "warren";
import { z } from "zod";
import { movie, movieId, movieInput, page, pageInput } from "../movie.ts";

/** How long the job took from the pilot on, in milliseconds: a header that browsers show beside the request. */
const timing = { "server-timing": "job;dur={tookMs}" };
const tookMs = z.number().nonnegative();

/** Knows what has to be done about a request. Nobody waits for it where it is not there: `ifDown`. */
export const pilot = contract("pilot", {
  methods: {
    list: rpc({
      http: { route: "GET /movies", ifDown: "fail", reply: { headers: timing, body: "page" } },
      summary: "Movies, the newest first; “next” as “before” gives the next page",
      input: pageInput,
      output: z.object({ tookMs, page }),
      idempotent: true,
    }),
    find: rpc({
      http: { route: "GET /movies/:id", ifDown: "fail", invalidStatus: 404 },
      summary: "One movie",
      input: z.object({ id: movieId }),
      output: movie,
      errors: {
        MOVIE_NOT_FOUND: {
          status: 404,
          message: "There is no such movie",
          data: z.object({ id: z.string() }),
        },
      },
      idempotent: true,
    }),
    add: rpc({
      http: {
        route: "POST /movies",
        ifDown: "fail",
        reply: { status: 201, headers: { location: "/movies/{id}" } },
      },
      summary: "Stores a movie: it is answered once the movie is kept",
      input: movieInput,
      output: movie,
    }),
  },
});
