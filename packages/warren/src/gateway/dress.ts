import cookie from "@fastify/cookie";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance } from "fastify";
import { takeBodies } from "./body.ts";
import { type Edge, routeOf } from "./edge.ts";
import { edgeFault } from "./edge-fault.ts";
import { isProbe } from "./health.ts";
import { knownVerbs } from "./known-verbs.ts";
import { requestIdOf } from "./request-id.ts";
import { answerError } from "./send-fault.ts";

/**
 * Gives an instance the manners of a gateway: request ids, a log, headers, limits, body parsers, and problem documents for
 * whatever goes wrong. Only routes registered within it afterwards are concerned. What a surrounding app has already
 * registered (cookies, helmet) is left as that app wants it.
 */
export async function dress(instance: FastifyInstance, edge: Edge, whole: boolean): Promise<void> {
  const { app, options } = edge;
  instance.addHook("onRequest", async (request, reply) => {
    request.id = requestIdOf(request.raw);
    reply.header("x-request-id", request.id);
  });
  instance.addHook("onResponse", async (request, reply) => {
    const { method } = request;
    app.log[isProbe(request) ? "debug" : "info"](
      {
        requestId: request.id,
        method,
        route: routeOf(request),
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
      },
      "request",
    );
  });
  instance.setErrorHandler((error, _request, reply) => answerError(edge, error, reply));
  if (!instance.hasReplyDecorator("helmet"))
    await instance.register(helmet, { contentSecurityPolicy, frameguard: { action: "deny" } });
  if (options.cors !== undefined) await instance.register(cors, corsOptions(options.cors));
  if (!instance.hasReplyDecorator("setCookie")) await instance.register(cookie);
  if (options.rateLimit !== undefined)
    await instance.register(rateLimit, {
      max: options.rateLimit.max,
      timeWindow: options.rateLimit.windowMs,
      errorResponseBuilder: () =>
        edgeFault(
          "TOO_MANY_REQUESTS",
          "Too many requests from this address: wait as long as Retry-After says.",
        ),
    });
  await takeBodies(instance);
  // Without a prefix of its own a mounted gateway would answer for the whole server; unknown paths are then its host's business.
  if (whole || instance.prefix !== "") answerUnknownRoutes(instance, edge);
}

/** An answer of data needs nothing from anywhere. The page of `/docs` has a policy of its own. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: { "default-src": ["'none'"], "frame-ancestors": ["'none'"] },
};

function corsOptions(origins: readonly string[]): object {
  return {
    origin: [...origins],
    credentials: true,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: ["x-request-id", "retry-after", "location"],
    maxAge: 600,
  };
}

function answerUnknownRoutes(instance: FastifyInstance, edge: Edge): void {
  const verbsOf = knownVerbs(instance);
  // Before the body is read: of an unknown route, nothing else is worth saying.
  instance.addHook("onRequest", async (request) => {
    if (!request.is404) return;
    const verbs = verbsOf(request.url.split("?", 1)[0]!);
    if (verbs.length === 0) throw edgeFault("UNKNOWN_ROUTE", "There is nothing at this address.");
    const allow = verbs.join(", ");
    throw edgeFault("METHOD_NOT_ALLOWED", `This address takes ${allow}, not ${request.method}.`, { allow });
  });
  const limited = edge.options.rateLimit === undefined ? {} : { preHandler: instance.rateLimit() };
  instance.setNotFoundHandler(limited, (_request, reply) =>
    answerError(edge, edgeFault("UNKNOWN_ROUTE", "There is nothing at this address."), reply),
  );
}
