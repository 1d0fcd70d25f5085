import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  type App,
  type ErrorSpec,
  Fault,
  isFault,
  jsonText,
  type Method,
  methodsOf,
  type Principal,
  randomId,
  systemRandom,
} from "../index.ts";
import { checkAccessPossible } from "./access.ts";
import { tokenVerifier, type Verify } from "./auth.ts";
import type { GatewayOptions } from "./options.ts";
import { inOwnWords } from "./own-words.ts";
import { declaredStatus, type Problem, problemOf } from "./problem.ts";
import { type Sessions, sessions } from "./session.ts";

/** What the routes of one gateway share. */
export interface Edge {
  readonly app: App;
  readonly options: GatewayOptions;
  readonly sessions: Sessions | undefined;
  /** Checks a token that came some other way than in a header; `undefined` where no `auth` is configured. */
  readonly verify: Verify | undefined;
  /** Who calls, and until when that is known. Checked once per request. */
  readonly caller: (request: FastifyRequest) => Promise<Caller | undefined>;
  /** What to tell about an error; what must not be told is logged. */
  readonly problem: (
    error: unknown,
    request: FastifyRequest,
    method?: Method,
    invalidStatus?: number,
  ) => Problem;
}

export interface Caller {
  readonly principal: Principal;
  /** Milliseconds since the epoch; `undefined` where it does not end by itself. */
  readonly expiresAt?: number | undefined;
}

/** @throws TypeError where the options cannot be meant, or a method needs a caller and none can ever be known */
export function edge(app: App, options: GatewayOptions): Edge {
  const verify = options.auth === undefined ? undefined : tokenVerifier(options.auth, app.clock);
  const kept = options.session === undefined ? undefined : sessions(options.session, app.clock);
  checkAccessPossible(app.contracts, verify !== undefined || options.session?.principal !== undefined);
  const callers = new WeakMap<FastifyRequest, Promise<Caller | undefined>>();
  const statuses = declaredStatuses(app);

  const identify = async (request: FastifyRequest): Promise<Caller | undefined> => {
    const { authorization } = request.headers;
    if (verify !== undefined && authorization !== undefined) return verify(bearer(authorization));
    const content = options.session?.principal === undefined ? undefined : kept?.read(request);
    const principal = content === undefined ? undefined : options.session?.principal?.(content);
    return principal === undefined ? undefined : { principal };
  };
  return {
    app,
    options,
    sessions: kept,
    verify,
    caller(request) {
      const known = callers.get(request) ?? identify(request);
      callers.set(request, known);
      return known;
    },
    problem(error, request, method, invalidStatus) {
      const newErrorId = (): string => randomId(systemRandom, 12);
      const problem = problemOf(inOwnWords(error, request), {
        requestId: request.id,
        method,
        statusOf: (code) => statuses.get(code),
        invalidStatus,
        newErrorId,
      });
      logServerSide(app, error, problem, request);
      return tellable(app, problem, request);
    },
  };
}

/** @throws Fault UNAUTHENTICATED */
function bearer(authorization: string): string {
  const token = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new Fault(
    "UNAUTHENTICATED",
    { token: "invalid" },
    { message: "The authorization header holds no bearer token." },
  );
}

/** Statuses of declared faults, for routes written by hand, where the method is not known; none where two methods differ. */
function declaredStatuses(app: App): ReadonlyMap<string, number> {
  const found = new Map<string, Set<number>>();
  for (const method of app.contracts.flatMap(methodsOf))
    for (const code of Object.keys((method.spec.errors ?? {}) as Record<string, ErrorSpec>))
      found.set(code, (found.get(code) ?? new Set()).add(declaredStatus(method, code)!));
  return new Map([...found].map(([code, all]) => [code, all.size === 1 ? [...all][0]! : 422]));
}

/** Services may tell each other in their faults what JSON cannot hold. */
function tellable(app: App, problem: Problem, request: FastifyRequest): Problem {
  try {
    jsonText(problem);
    return problem;
  } catch (err) {
    const { code } = problem;
    const about = { requestId: request.id, route: routeOf(request), code, err };
    app.log.error(about, "the data of a fault cannot be told as JSON, and is left out");
    const { data: _, ...rest } = problem;
    return rest;
  }
}

/** A client's own mistakes are no news; what went wrong here is, with everything the client is not told. */
function logServerSide(app: App, error: unknown, problem: Problem, request: FastifyRequest): void {
  if (problem.status < 500) return;
  const { code, errorId } = problem;
  const about = {
    requestId: request.id,
    route: routeOf(request),
    code,
    ...(errorId === undefined ? {} : { errorId }),
  };
  const told = isFault(error) && error.code !== "INVALID_OUTPUT" && error.code !== "INVALID_EVENT";
  if (told) app.log.warn({ ...about, reason: error.message }, "a request failed");
  else app.log.error({ ...about, err: error }, "a request failed unexpectedly");
}

/** The pattern of the route, never the address itself, which may hold what nobody should read in a log. */
export function routeOf(request: FastifyRequest): string {
  return request.is404 ? "(none)" : (request.routeOptions.url ?? "(none)");
}

const edges = new WeakMap<FastifyInstance, Edge>();

/** Makes an edge known to everything registered within `instance`. */
export function setEdge(instance: FastifyInstance, of: Edge): void {
  edges.set(instance, of);
}

/** The edge that `instance` or what it is registered in belongs to: Fastify's plugins inherit from one another as prototypes. */
export function edgeOf(instance: FastifyInstance): Edge | undefined {
  for (let at: unknown = instance; typeof at === "object" && at !== null; at = Object.getPrototypeOf(at)) {
    const found = edges.get(at as FastifyInstance);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The edge of the gateway that a request's route stands beside. @throws Error where there is none */
export function requireEdge(of: FastifyRequest | FastifyReply): Edge {
  const found = edgeOf(of.server);
  if (found !== undefined) return found;
  throw new Error(
    "No gateway is registered in this Fastify instance: register one before the routes that use it.",
  );
}
