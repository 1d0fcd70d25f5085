import { z } from "zod";

/** A text that every database keeps: PostgreSQL has none with U+0000, and UTF-8 none with half a character. */
const text = z
  .string()
  .refine(
    (given) => given.isWellFormed() && !given.includes("\0"),
    "must be well-formed, and without U+0000",
  );

export const movieId = z.uuid();

/** What a client says of a movie. */
export const movieInput = z.object({
  title: text.trim().min(1).max(200),
  description: text.trim().max(5_000).default(""),
});

export const movie = z.object({
  id: movieId,
  title: z.string(),
  description: z.string(),
  createdAt: z.iso.datetime(),
});

export type Movie = z.infer<typeof movie>;

/** Which movies are asked for. */
export const pageInput = z.object({
  /** Only those that are older than this one. */
  before: movieId.optional(),
  limit: z.int().min(1).max(100).default(20),
});

/** Movies, the newest first, and what to say as `before` for the next page: `null` at the end. */
export const page = z.object({ movies: z.array(movie), next: movieId.nullable() });

export type Page = z.infer<typeof page>;
