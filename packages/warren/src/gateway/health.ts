import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type App, alive, healthDocument } from "../index.ts";
import type { GatewayOptions } from "./options.ts";
import type { GatewayRoute } from "./routes.ts";

/** Where probes are answered; nowhere where that is switched off. */
function pathsOf({
  health = {},
}: GatewayOptions): { readonly live: string; readonly ready: string } | undefined {
  if (health === false) return undefined;
  const { path = "/health" } = health;
  if (!/^(\/[A-Za-z0-9._~-]+)+$/.test(path))
    throw new TypeError(`The gateway's \`health.path\` is "${path}"; a path looks like "/health".`);
  return { live: `${path}/live`, ready: `${path}/ready` };
}

/**
 * A contract's own route at the same address would never be reached.
 * @throws TypeError naming the method
 */
export function checkHealthPaths(
  options: GatewayOptions,
  routes: readonly GatewayRoute[],
  prefix = "",
): void {
  const paths = pathsOf(options);
  if (paths === undefined) return;
  for (const { method, verb, path } of routes)
    if (verb === "GET" && Object.values(paths).includes(prefix + path))
      throw new TypeError(
        `${method.id} has the route ${verb} ${path}, where the gateway answers probes: change it, or give the gateway another \`health.path\`, or \`health: false\`.`,
      );
}

/**
 * Two routes for probes: before auth and limits of rate, which no load balancer has to do with, and of no document. A route
 * that is there already stays.
 */
export function addHealth(instance: FastifyInstance, app: App, options: GatewayOptions): void {
  const paths = pathsOf(options);
  if (paths === undefined) return;
  let isClosing = false;
  instance.addHook("preClose", async () => {
    isClosing = true;
  });
  const add = (path: string, handler: (reply: FastifyReply) => Promise<FastifyReply>): void => {
    if (instance.hasRoute({ method: "GET", url: instance.prefix + path })) return;
    const config = { rateLimit: false, [probe]: true };
    instance.get(path, { config }, (_request, reply) => handler(reply));
  };
  add(paths.live, async (reply) => answer(reply, 200, alive));
  add(paths.ready, async (reply) => {
    const document = healthDocument(await app.health());
    if (isClosing) return answer(reply, 503, { ...document, ...closing });
    return answer(reply, document.status === "ok" ? 200 : 503, document);
  });
}

const closing = { status: "unavailable", reason: "the gateway is closing" } as const;
const probe: unique symbol = Symbol("probe");

/** Probes come every few seconds for as long as the process lives: no news. */
export function isProbe({ routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config as { readonly [probe]?: boolean } | undefined)?.[probe] === true;
}

function answer(reply: FastifyReply, status: number, document: object): FastifyReply {
  return reply
    .status(status)
    .header("cache-control", "no-store")
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(document));
}
