/**
 * One line of a history. `at` is the machine's monotonic clock in milliseconds, which all processes of a machine share,
 * so that lines of different files can be put in order.
 */
export type Entry = { readonly at: number } & Happening;

export type Happening =
  /** A process is ready for work. */
  | { readonly is: "up"; readonly who: string; readonly role: Role }
  /** About to be published; `sum` is the checksum of its content. */
  | {
      readonly is: "attempted";
      readonly id: string;
      readonly n: number;
      readonly key: string;
      readonly kind: string;
      readonly sum: number;
    }
  | { readonly is: "acknowledged"; readonly id: string }
  /** Whether it arrived is not known. */
  | { readonly is: "failed"; readonly id: string; readonly why: string }
  | { readonly is: "delivered"; readonly who: string; readonly id: string; readonly attempt: number }
  /** What the message was to bring about; `sum` is made from what was received. */
  | { readonly is: "effect"; readonly who: string; readonly id: string; readonly sum: number }
  /** Found where messages wait for people: among the dead letters, the unheard, the unrouted. */
  | { readonly is: "parked"; readonly id: string; readonly where: string; readonly reason: string }
  | { readonly is: "called"; readonly id: string }
  | { readonly is: "answered"; readonly id: string }
  | { readonly is: "unanswered"; readonly id: string; readonly why: string }
  /** A method ran, on the responder's side. */
  | { readonly is: "ran"; readonly id: string; readonly who: string }
  | { readonly is: "fault"; readonly what: string }
  | { readonly is: "healed"; readonly what: string }
  /** The most memory a process had so far. */
  | { readonly is: "memory"; readonly who: string; readonly role: Role; readonly mib: number };

export type Role = "publisher" | "worker";

/** The clock of all histories, in milliseconds. */
export function monotonicMs(): number {
  return Math.round(Number(process.hrtime.bigint() / 1_000n)) / 1_000;
}
