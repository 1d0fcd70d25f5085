/**
 * What a message of the directory is about: an instance that has begun to take work, is still there, ends, has ended; a
 * question who is there, and an answer to it; a probe of one instance; a note that one was found gone.
 */
export type DirectoryMessage =
  | "joined"
  | "refreshed"
  | "leaving"
  | "left"
  | "question"
  | "answer"
  | "probe"
  | "gone";

/** For metrics: told of the directory's traffic, by those who announce themselves and by those who listen. Must not throw. */
export interface DirectoryObserver {
  sent?(message: DirectoryMessage): void;
  received?(message: DirectoryMessage): void;
  /** An instance is no longer in this directory. */
  removed?(service: string, how: "left" | "lost"): void;
}
