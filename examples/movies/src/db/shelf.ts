import { type Kysely, type Selectable, sql } from "kysely";
import type { Movie, Page } from "../movie.ts";

interface MovieTable {
  id: string;
  title: string;
  description: string;
  created_at: number;
}

export interface MoviesTables {
  movies: MovieTable;
}

export const moviesSchema: readonly string[] = [
  `create table if not exists movies (
    id text primary key,
    title text not null,
    description text not null,
    created_at bigint not null
  )`,
  "create index if not exists movies_created on movies (created_at, id)",
];

type Db = Kysely<MoviesTables>;

export async function add(db: Db, { createdAt, ...movie }: Movie): Promise<void> {
  await db
    .insertInto("movies")
    .values({ ...movie, created_at: Date.parse(createdAt) })
    .execute();
}

export async function find(db: Db, id: string): Promise<Movie | undefined> {
  const row = await db.selectFrom("movies").selectAll().where("id", "=", id).executeTakeFirst();
  return row && movieOf(row);
}

/** The newest first, those older than `before` where it is given: none, where there is no such movie. */
export async function list(
  db: Db,
  { before, limit }: { readonly before?: string | undefined; readonly limit: number },
): Promise<Page> {
  const all = db
    .selectFrom("movies")
    .selectAll()
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    // One more than asked for says whether there is a next page.
    .limit(limit + 1);
  const older = sql<boolean>`(created_at, id) < (select created_at, id from movies where id = ${before})`;
  const rows = await (before === undefined ? all : all.where(older)).execute();
  const movies = rows.slice(0, limit).map(movieOf);
  return { movies, next: rows.length > limit ? movies.at(-1)!.id : null };
}

function movieOf({ created_at, ...movie }: Selectable<MovieTable>): Movie {
  return { ...movie, createdAt: new Date(created_at).toISOString() };
}
