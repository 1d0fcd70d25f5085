import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { type Service, type Store, service } from "warren";
import type { Movie } from "../movie.ts";
import { db } from "./contract.ts";
import type { Disk } from "./disk.ts";
import { add, find, list, type MoviesTables } from "./shelf.ts";

export interface DbOptions {
  readonly store: Store<Kysely<MoviesTables>>;
  readonly disk: Disk;
}

/** Keeps movies and finds them. What fails here is in the log of this service; whoever asked is told that it failed. */
export function dbService({ store, disk }: DbOptions): Service<typeof db> {
  return service(db, {
    store,
    methods: {
      list(page, { db, messageId }) {
        disk.reach(messageId);
        return list(db, page);
      },
      async find({ id }, { db, messageId }) {
        disk.reach(messageId);
        return (await find(db, id)) ?? null;
      },
      async add(input, { db, messageId }) {
        disk.reach(messageId);
        const movie: Movie = { id: randomUUID(), ...input, createdAt: new Date().toISOString() };
        await add(db, movie);
        return movie;
      },
    },
  });
}
