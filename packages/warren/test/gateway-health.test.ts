import { once } from "node:events";
import { connect } from "node:net";
import { fastify } from "fastify";
import { expect, it, onTestFinished, test } from "vitest";
import { z } from "zod";
import { embedded } from "../src/embedded/index.ts";
import { type GatewayOptions, gateway, httpServer } from "../src/gateway/index.ts";
import { type App, app, contract, rpc, service, silent } from "../src/index.ts";
import { auth, gate, probeService, world, worldOf } from "./gateway-world.ts";

/** An app with one route, not started. */
function routed(route: string): App {
  const odd = contract("odd", { methods: { get: rpc({ http: route as "GET /" }) } });
  return app({ transport: embedded(), services: [service(odd, { methods: { get() {} } })], log: silent });
}

/** Sends half a probe. @returns sends the rest of it, and gives the answer */
async function halfAsked(url: string): Promise<() => Promise<string>> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  socket.write("GET /health/ready");
  // Another's answer: by then the server has read that half.
  await fetch(`${url}/health/live`);
  return async () => {
    socket.write(" HTTP/1.1\r\nhost: a\r\n\r\n");
    return String((await once(socket, "data"))[0]);
  };
}

it("answers probes before anybody is asked for a token or counted, outside of its prefix and its documents", async () => {
  const options = { auth, prefix: "/api", rateLimit: { max: 1, windowMs: 60_000 } };
  await using there = await world(options);
  for (let round = 0; round < 5; round++)
    for (const path of ["live", "ready"]) {
      const answer = await there.server.inject(`/health/${path}`);
      expect([answer.statusCode, answer.json().status]).toEqual([200, "ok"]);
      expect(answer.headers["cache-control"]).toBe("no-store");
    }
  expect((await there.server.inject({ method: "HEAD", url: "/health/ready" })).statusCode).toBe(200);
  const posted = await there.server.inject({ method: "POST", url: "/health/ready" });
  expect([posted.statusCode, posted.headers.allow]).toEqual([405, "GET, HEAD"]);
  expect((await there.server.inject("/api/openapi.json")).body).not.toContain("/health/");
});

it("writes no line that is seen by default for a probe", async () => {
  const seen: object[] = [];
  const log = { ...silent, info: (data: object) => void seen.push(data), child: () => log };
  await using there = await world({ auth }, { log });
  seen.length = 0;
  await there.server.inject("/health/ready");
  await there.server.inject("/value/zero");
  expect(seen).toMatchObject([{ route: "/value/:kind" }]);
});

it("is not ready with the app, and while it closes", async () => {
  await using there = await world({ auth });
  const url = await there.listen();
  there.app.retire();
  const retired = await fetch(`${url}/health/ready`);
  expect([retired.status, ((await retired.json()) as { reason: string }).reason]).toEqual([
    503,
    "the app is about to stop",
  ]);
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
});

it("is not ready while the gateway closes, of which the app knows nothing", async () => {
  const door = gate();
  await using there = await world({ auth }, { services: [probeService(door)] });
  const url = await there.listen();
  const waiting = fetch(`${url}/waits`);
  await door.arrived;
  const rest = await halfAsked(url);
  const closed = there.server.close();
  expect(await rest()).toContain('"reason":"the gateway is closing"');
  door.open();
  expect((await waiting).status).toBe(200);
  await closed;
});

test.for<[string, GatewayOptions, number, string]>([
  ["elsewhere", { health: { path: "/internal/up" } }, 200, "/internal/up/ready"],
  ["nowhere", { health: false }, 404, "/health/ready"],
])("can be had %s", async ([, options, status, path]) => {
  await using there = await world({ auth, ...options });
  expect((await there.server.inject(path)).statusCode).toBe(status);
});

it("mounted, stays below its prefix, and leaves the routes of its host", async () => {
  const running = app({ transport: embedded(), services: [probeService()], log: silent });
  onTestFinished(() => running.stop({ drainMs: 0 }));
  await running.start();
  const host = fastify();
  onTestFinished(() => host.close());
  host.get("/health/live", async () => "the host's own");
  await host.register(gateway(running, { auth, prefix: "/api" }));
  const bare = fastify();
  onTestFinished(() => bare.close());
  bare.get("/health/live", async () => "the host's own");
  await bare.register(gateway(running, { auth }));
  expect((await host.inject("/health/live")).body).toBe("the host's own");
  expect((await host.inject("/health/ready")).statusCode).toBe(404);
  expect((await host.inject("/api/health/ready")).json().status).toBe("ok");
  expect((await bare.inject("/health/live")).body).toBe("the host's own");
  expect((await bare.inject("/health/ready")).json().status).toBe("ok");
});

test.for<[string, GatewayOptions]>([
  ["GET /health/live", {}],
  ["GET /health/ready", {}],
  ["GET /up/live", { health: { path: "/up" } }],
])("refuses a contract with the route %s, which nobody would ever reach", async ([route, options]) => {
  const says = `odd.get has the route ${route}, where the gateway answers probes`;
  expect(() => gateway(routed(route), options)).toThrow(says);
  await expect(httpServer(routed(route), options)).rejects.toThrow(says);
  const server = await httpServer(routed(route), { ...options, prefix: "/api" });
  await server.close();
});

test.for([
  ["POST /health/live", "POST", "/health/live"],
  ["GET /health", "GET", "/health"],
  ["GET /health/:name", "GET", "/health/other"],
  ["GET /:first/:name", "GET", "/health/other"],
] as const)("leaves a contract its route %s", async ([route, method, url]) => {
  const input = z.object({ first: z.string().optional(), name: z.string().optional() });
  const odd = contract("odd", { methods: { get: rpc({ http: route, input, output: z.string() }) } });
  await using there = await worldOf(service(odd, { methods: { get: () => "the contract's" } }));
  expect((await there.server.inject("/health/live")).json().status).toBe("ok");
  expect((await there.server.inject({ method, url })).json()).toBe("the contract's");
});

it("refuses a path that is none", () => {
  expect(() => gateway(routed("GET /a"), { health: { path: "health/" } })).toThrow(
    '`health.path` is "health/"',
  );
});
