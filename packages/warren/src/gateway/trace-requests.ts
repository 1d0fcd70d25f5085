import type { FastifyInstance, FastifyRequest } from "fastify";
import type { EdgeTelemetry, FollowedRequest } from "../index.ts";

const followed = new WeakMap<FastifyRequest, FollowedRequest>();

/** Follows each request: what is called for it, also by routes written by hand, belongs to its trace. */
export function traceRequests(instance: FastifyInstance, { http }: EdgeTelemetry): void {
  instance.addHook("onRequest", (request, reply, done) => {
    if (followed.has(request)) return done();
    const one = http.begin({
      method: request.method,
      scheme: request.protocol,
      route: request.is404 ? undefined : request.routeOptions.url,
      headers: request.headers,
    });
    followed.set(request, one);
    reply.raw.once("close", () => one.end(reply.raw.statusCode));
    one.run(done);
  });
  // What is read of the body comes in the context of its connection.
  instance.addHook("preValidation", (request, _reply, done) => {
    const one = followed.get(request);
    if (one === undefined) done();
    else one.run(done);
  });
}
