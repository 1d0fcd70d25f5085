import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { CallOptions } from "../index.ts";
import { requireAccess } from "./access.ts";
import type { Edge } from "./edge.ts";
import { idempotencyKeyOf, takesKey } from "./idempotency-key.ts";
import type { InFlight } from "./in-flight.ts";
import { inputReader } from "./input.ts";
import { defaultBodyLimitBytes } from "./options.ts";
import { replyWriter } from "./reply.ts";
import type { GatewayRoute } from "./routes.ts";
import { answerError } from "./send-fault.ts";

/** Serves one method of a contract: who may, with what, and how the outcome is told. */
export function addMethodRoute(
  instance: FastifyInstance,
  edge: Edge,
  route: GatewayRoute,
  inFlight: InFlight,
): void {
  const { method, binding } = route;
  const readInput = inputReader(route);
  const isKeyed = takesKey(route);
  const ifDown = binding.ifDown ?? edge.options.ifDown ?? "wait";
  const writeReply = replyWriter(method.id, binding.reply);

  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const caller = await edge.caller(request);
    const input = readInput(
      request,
      binding.session === undefined ? undefined : edge.sessions?.read(request),
    );
    const key = isKeyed ? idempotencyKeyOf(request) : undefined;
    const options: CallOptions = {
      signal: gone(reply),
      ifDown,
      ...(caller === undefined ? {} : { principal: caller.principal }),
      ...(key === undefined ? {} : { key }),
    };
    const output = await inFlight.run(() => edge.app.call(method, input, options));
    const secure = isSecure(edge, request);
    return writeReply(reply, output, {
      secure,
      saveSession: (content) => edge.sessions?.write(reply, content, secure),
    });
  };
  instance.route({
    method: route.verb as "GET",
    url: route.path,
    bodyLimit: edge.options.bodyLimitBytes ?? defaultBodyLimitBytes,
    // Before the body is read: strangers shall not make the gateway work, nor shall anybody while it has too much to do.
    onRequest: async (request) => {
      inFlight.check();
      requireAccess(method.spec.access, (await edge.caller(request))?.principal);
    },
    errorHandler: (error, _request, reply) => answerError(edge, error, reply, method, binding.invalidStatus),
    handler,
  });
}

/** Aborted when the client hangs up before it has its answer: nobody waits for the call any more. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

function isSecure({ options }: Edge, request: FastifyRequest): boolean {
  return options.session?.secure ?? (process.env.NODE_ENV === "production" || request.protocol === "https");
}
