import type { Incoming } from "../message.ts";
import type { Binding, Exchange, Queue } from "../transport.ts";
import type { LiveQueue } from "./queue.ts";
import type { Stored } from "./stored.ts";

/** Where a broker keeps what has to outlive its process. */
export interface Journal {
  /** For people: the file that it is. */
  readonly file: string;
  /**
   * What earlier processes left; to be asked before anything is written.
   * @throws Error naming the file, where it cannot be read
   */
  read(): Kept;
  /**
   * Writes all of the changes or, throwing, none. They survive the process from then on. Writes something even where
   * there are none, which shows whether it can.
   */
  write(changes: readonly Change[]): void;
  /** Gives the file free for other processes. */
  close(): void;
}

export interface Kept {
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
  /** The highest number that a message has. */
  readonly lastRow: number;
  /** Oldest first. */
  readonly messages: Iterable<KeptMessage>;
}

export interface KeptMessage {
  readonly row: number;
  readonly queue: string;
  readonly message: Incoming;
  readonly expiredIn: readonly string[];
  /** As in `Stored`. */
  readonly expiresAt: number;
  readonly returned: number;
  /** A handler had it when the process ended. */
  readonly held: boolean;
}

/** What may happen to what is kept. */
export type Change =
  | { readonly to: "exchange"; readonly exchange: Exchange }
  | { readonly to: "queue"; readonly queue: Queue }
  | { readonly to: "bind"; readonly binding: Binding }
  /** With its bindings and messages. */
  | { readonly to: "drop"; readonly queue: string }
  | Add
  | { readonly to: "remove"; readonly row: number }
  /** A handler gets it. */
  | { readonly to: "hand"; readonly row: number; readonly returned: number }
  /** It is back in its queue. */
  | { readonly to: "back"; readonly row: number; readonly returned: number };

export interface Add {
  readonly to: "add";
  readonly queue: LiveQueue;
  /** Not written where its row is 0: it only keeps its place behind those that are. */
  readonly message: Stored;
  /** Someone waits for it and is told when it could not be written; else it is written as soon as that is possible. */
  readonly promised: boolean;
}
