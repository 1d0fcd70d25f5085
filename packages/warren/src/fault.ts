/**
 * The system codes: every fault that Warren itself raises. `status` is the HTTP status the gateway answers with;
 * `retryable` says whether the same request may succeed later without being changed.
 */
export const systemFaults = {
  INVALID_INPUT: {
    status: 422,
    retryable: false,
    meaning: "The input does not fit the contract; `data.issues` names each field.",
  },
  INVALID_OUTPUT: {
    status: 500,
    retryable: false,
    meaning: "A handler returned what its contract does not allow. Callers see INTERNAL.",
  },
  INVALID_EVENT: {
    status: 500,
    retryable: false,
    meaning: "An event does not fit the contract; `data.issues` names each field.",
  },
  BAD_MESSAGE: {
    status: 400,
    retryable: false,
    meaning:
      "The bytes of a message cannot be decoded by the codec of its content type, or nothing here reads that content type.",
  },
  BAD_REPLY: {
    status: 502,
    retryable: false,
    meaning: "A reply came back that does not fit the contract: the two sides disagree on it.",
  },
  UNKNOWN_METHOD: {
    status: 501,
    retryable: false,
    meaning: "The service has no such method: it runs another version of the contract.",
  },
  UNAUTHENTICATED: {
    status: 401,
    retryable: false,
    meaning: "The method needs a principal and the call carries none.",
  },
  FORBIDDEN: { status: 403, retryable: false, meaning: "The principal lacks a scope that the method needs." },
  TOO_LARGE: {
    status: 413,
    retryable: false,
    meaning: "The encoded message exceeds the limit; `data` has both sizes in bytes.",
  },
  TIMEOUT: {
    status: 504,
    retryable: true,
    meaning: "No answer by the deadline. Whether the method ran is not known.",
  },
  UNAVAILABLE: {
    status: 503,
    retryable: true,
    meaning:
      "The service cannot be reached: nobody ever started it, the broker is away, nobody listens and the caller did not want to wait, or a circuit breaker is open. It did not run; with `from`, that service ran and could not reach one of its own.",
  },
  UNKNOWN_OUTCOME: {
    status: 502,
    retryable: false,
    meaning:
      "The instance, its connection or the one to its database died midway. Whether the method ran is not known.",
  },
  OVERLOADED: {
    status: 503,
    retryable: true,
    meaning:
      "A limit is reached; `data.limit` is the limit, and `data.retryAfterMs`, where it is known, says when there is room again. It did not run.",
  },
  CANCELLED: { status: 499, retryable: false, meaning: "The caller's own signal was aborted." },
  KEY_REUSED: {
    status: 422,
    retryable: false,
    meaning: "The key of the call was used before, with another input. It did not run.",
  },
  KEY_IN_USE: {
    status: 409,
    retryable: true,
    meaning: "Another call with the same key is still under way. This one did not run.",
  },
  KEY_UNSUPPORTED: {
    status: 400,
    retryable: false,
    meaning:
      "A call came with a key to where nobody keeps answers: a service without a store, or all instances at once. It did not run.",
  },
  SAGA_CHANGED: {
    status: 500,
    retryable: false,
    meaning:
      "A run of a saga keeps to a version of its steps that no process has; `data.version` is that version. It is left as it is.",
  },
  SAGA_STUCK: {
    status: 500,
    retryable: false,
    meaning: "A run of a saga failed, and a step of it cannot be undone. A person has to look at it.",
  },
  UNROUTABLE: { status: 503, retryable: true, meaning: "A message that had to reach a queue reached none." },
  STOPPED: {
    status: 503,
    retryable: true,
    meaning: "This app is stopping or stopped and takes no new work.",
  },
  INTERNAL: {
    status: 500,
    retryable: false,
    meaning: "The handler failed; `data.errorId` finds the details in the log of the service.",
  },
} as const;

export type SystemCode = keyof typeof systemFaults;

/** A fault that Warren raises itself. */
export type SystemFault = { [C in SystemCode]: Fault<C> }[SystemCode];

const brand = Symbol.for("warren.fault");

export interface FaultOptions {
  /** What happened, to what, and what to do. @default the meaning of a system code, else the code */
  readonly message?: string;
  /** The error that led here. Stays in this process: it is logged, never sent. */
  readonly cause?: unknown;
  /** The service whose answer it was, for a fault that came as a reply. */
  readonly from?: string;
}

/**
 * The one error class. `code` says what happened and `data` what it happened with; both travel to the caller.
 * Codes are declared in a contract, or are one of `systemFaults`. Recognise faults by `isFault`, never by
 * `instanceof`: two copies of this package in one process must understand each other.
 */
export class Fault<C extends string = string, D = unknown> extends Error {
  readonly code: C;
  readonly data: D;
  /** The service whose answer this is; `undefined` for a fault raised in this process. */
  readonly from: string | undefined;

  constructor(code: C, data: D, options: FaultOptions = {}) {
    super(options.message ?? (isSystemCode(code) ? systemFaults[code].meaning : code));
    if (options.cause !== undefined) this.cause = options.cause;
    this.name = "Fault";
    this.code = code;
    this.data = data;
    this.from = options.from;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Whether `error` is a fault, whichever copy of this package made it. */
export function isFault(error: unknown): error is Fault {
  return typeof error === "object" && error !== null && brand in error;
}

export function isSystemCode(code: string): code is SystemCode {
  return Object.hasOwn(systemFaults, code);
}
