import {
  type ErrorSpec,
  errorDetails,
  type Fault,
  type Issue,
  isFault,
  isSystemCode,
  type Method,
  systemFaults,
} from "../index.ts";
import { codeOfStatus, edgeFaults, isEdgeCode } from "./edge-fault.ts";

/** What a client is told when something went wrong: RFC 9457, with the fault's code and data beside it. */
export interface Problem {
  /** `urn:warren:fault:<code>`: the same for the same kind of problem. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** `urn:warren:request:<id>`: finds this very request in the log. */
  readonly instance: string;
  readonly code: string;
  /** The data of a declared fault. */
  readonly data?: unknown;
  /** Which fields were refused, and why. */
  readonly issues?: readonly Issue[];
  /** Finds the details in the log, where they are nobody else's business. */
  readonly errorId?: string;
}

/** Where an error came up: decides on statuses that contracts declare. */
export interface ProblemContext {
  readonly requestId: string;
  /** The method that was called, where one was. */
  readonly method?: Method | undefined;
  /** The status a contract declares for a code, wherever the method is not known. */
  readonly statusOf?: ((code: string) => number | undefined) | undefined;
  /** The status for an input that does not fit. @default 422 */
  readonly invalidStatus?: number | undefined;
  /** Makes the id of an error that only the log may tell of. */
  readonly newErrorId: () => string;
}

/** The status a method declares for its fault `code`; `undefined` where it declares no such fault. */
export function declaredStatus(method: Method, code: string): number | undefined {
  const specs = (method.spec.errors ?? {}) as Readonly<Record<string, ErrorSpec>>;
  const spec = Object.hasOwn(specs, code) ? specs[code] : undefined;
  if (spec === undefined) return undefined;
  return errorDetails(spec).status ?? defaultFaultStatus;
}

/** For a fault that declares no status: the request was understood, and the answer is no. */
const defaultFaultStatus = 422;

/** What to tell of any error. Nothing of an unexpected one is told but an id. */
export function problemOf(error: unknown, context: ProblemContext): Problem {
  if (isFault(error)) return faultProblem(error, context);
  const status = clientStatus(error);
  if (status === undefined) return internal(context.newErrorId(), context);
  const code = codeOfStatus(status);
  const title =
    isEdgeCode(code) && edgeFaults[code].status === status ? edgeFaults[code].title : titleOf(code);
  return base(code, title, status, (error as Error).message, context);
}

function faultProblem(fault: Fault, context: ProblemContext): Problem {
  const { code, message } = fault;
  const declared = context.method && declaredStatus(context.method, code);
  if (declared !== undefined) return declaredProblem(fault, declared, context);
  if (isEdgeCode(code)) return base(code, edgeFaults[code].title, edgeFaults[code].status, message, context);
  if (isSystemCode(code)) return systemProblem(fault as Fault<typeof code>, context);
  const status = context.statusOf?.(code);
  return status === undefined
    ? internal(context.newErrorId(), context)
    : declaredProblem(fault, status, context);
}

function declaredProblem({ code, message, data }: Fault, status: number, context: ProblemContext): Problem {
  return { ...base(code, titleOf(code), status, message, context), ...(data === undefined ? {} : { data }) };
}

function systemProblem(fault: Fault<keyof typeof systemFaults>, context: ProblemContext): Problem {
  const { code, message } = fault;
  if (code === "INVALID_INPUT") {
    const { issues = [] } = (fault.data ?? {}) as { readonly issues?: readonly Issue[] };
    return { ...base(code, "Invalid input", context.invalidStatus ?? 422, message, context), issues };
  }
  // What a service or this process got wrong about its own contract is nothing a client can act on.
  if (code === "INTERNAL" || code === "INVALID_OUTPUT" || code === "INVALID_EVENT")
    return internal(errorIdOf(fault.data) ?? context.newErrorId(), context);
  const { status } = systemFaults[code];
  return base(code, titleOf(code), status, publicDetail[code] ?? message, context);
}

/** Messages of these faults name queues, hosts or instances: good for the log, none of a client's business. */
const publicDetail: { readonly [C in keyof typeof systemFaults]?: string } = {
  BAD_MESSAGE: "The message could not be understood.",
  BAD_REPLY: "The service gave an answer that cannot be understood.",
  UNKNOWN_METHOD: "The service does not offer this at the moment.",
  TIMEOUT: "No answer came in time. Whether the request was carried out is not known.",
  UNAVAILABLE: "The service cannot be reached at the moment. The request was not carried out.",
  UNROUTABLE: "The service cannot be reached at the moment. The request was not carried out.",
  UNKNOWN_OUTCOME: "The service was interrupted. Whether the request was carried out is not known.",
  OVERLOADED: "Too much is going on at the moment. The request was not carried out.",
  KEY_REUSED:
    "This Idempotency-Key was used before, with another content. Use a new key for what is to be done anew.",
  KEY_IN_USE:
    "A request with this Idempotency-Key is still being carried out. Repeat it later for its answer.",
  KEY_UNSUPPORTED:
    "No answers are kept here, so an Idempotency-Key would promise too much. The request was not carried out; send it without one.",
  STOPPED: "The server is going down. The request was not carried out.",
  CANCELLED: "The request was cancelled.",
};

function internal(errorId: string, context: ProblemContext): Problem {
  return {
    ...base(
      "INTERNAL",
      "Internal error",
      500,
      `Something went wrong here. The log knows it as ${errorId}.`,
      context,
    ),
    errorId,
  };
}

function base(
  code: string,
  title: string,
  status: number,
  detail: string,
  { requestId }: ProblemContext,
): Problem {
  return {
    type: `urn:warren:fault:${code}`,
    title,
    status,
    detail,
    instance: `urn:warren:request:${requestId}`,
    code,
  };
}

/** `OUT_OF_STOCK` → `Out of stock`. */
function titleOf(code: string): string {
  const words = code.replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function errorIdOf(data: unknown): string | undefined {
  const id =
    typeof data === "object" && data !== null ? (data as { readonly errorId?: unknown }).errorId : undefined;
  return typeof id === "string" ? id : undefined;
}

/** Fastify and its plugins mark errors that are the client's own with a status; the message is meant for the client. */
function clientStatus(error: unknown): number | undefined {
  const status = error instanceof Error ? (error as { readonly statusCode?: unknown }).statusCode : undefined;
  return typeof status === "number" && status >= 400 && status < 500 ? status : undefined;
}
