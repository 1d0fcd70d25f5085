import type { FastifyInstance } from "fastify";
import { SignJWT } from "jose";
import { z } from "zod";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import { type GatewayOptions, httpServer, type ServerOptions } from "../src/gateway/index.ts";
import {
  type App,
  type AppOptions,
  app,
  contract,
  type Logger,
  rpc,
  type Service,
  service,
  silent,
} from "../src/index.ts";

/** Says back whatever a test wants to see arrive. */
export const probe = contract("probe", {
  methods: {
    echo: rpc({
      http: { route: "POST /echo", body: "value", reply: { body: "value" } },
      input: z.object({ value: z.unknown() }),
      output: z.object({ value: z.unknown() }),
    }),
    nothing: rpc({ http: "POST /nothing", input: z.object({}) }),
    value: rpc({ http: "GET /value/:kind", input: z.object({ kind: z.string() }), output: z.unknown() }),
    fails: rpc({ http: "GET /fails", input: z.object({}) }),
    hangs: rpc({ http: "GET /hangs", input: z.object({}), timeoutMs: 100 }),
    waits: rpc({ http: "GET /waits", input: z.object({}), output: z.string() }),
    order: rpc({
      http: "POST /shops/:shop/orders",
      input: z.object({
        shop: z.string(),
        quantity: z.number().int().positive(),
        gift: z.boolean().optional(),
        tags: z.array(z.string()).optional(),
        limit: z.number().optional(),
      }),
      output: z.object({
        shop: z.string(),
        quantity: z.number(),
        gift: z.boolean().optional(),
        tags: z.array(z.string()).optional(),
        limit: z.number().optional(),
      }),
      errors: {
        OUT_OF_STOCK: { status: 409, data: z.object({ left: z.number() }) },
        TOO_DEAR: z.object({ cents: z.number() }),
      },
    }),
    mine: rpc({
      http: "GET /mine",
      access: "authenticated",
      output: z.object({ subject: z.string(), claims: z.unknown().optional() }),
    }),
    admin: rpc({ http: "DELETE /everything", access: { scopes: ["admin", "delete"] } }),
    login: rpc({
      http: { route: "POST /login", reply: { session: "user", status: 204 } },
      input: z.object({ user: z.string() }),
      output: z.object({ user: z.string() }),
    }),
    who: rpc({ http: "GET /who", output: z.string().nullable() }),
  },
  events: { sold: z.object({ sellerId: z.string(), name: z.string() }) },
});

/** Never started anywhere. */
export const nowhere = contract("nowhere", {
  methods: { get: rpc({ http: "GET /nowhere", output: z.string() }) },
});

/** What a `waits` call is held by, until the test lets it go. */
export interface Gate {
  readonly arrived: Promise<void>;
  open(): void;
}

export function gate(): Gate & { pass(): Promise<void> } {
  const arrived = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    arrived: arrived.promise,
    open: () => opened.resolve(),
    pass() {
      arrived.resolve();
      return opened.promise;
    },
  };
}

export const probeService = (door = gate()): Service<typeof probe> =>
  service(probe, {
    methods: {
      echo: (input) => input as { value: unknown },
      nothing() {},
      value: ({ kind }) =>
        ({ null: null, zero: 0, empty: "", false: false, undefined: undefined, list: [1] })[kind],
      fails() {
        throw new Error("secret detail of the database");
      },
      hangs: () => new Promise<void>(() => {}),
      async waits() {
        await door.pass();
        return "done";
      },
      order(input, { fail }) {
        if (input.quantity > 1_000) throw fail.TOO_DEAR({ cents: input.quantity });
        if (input.quantity > 10) throw fail.OUT_OF_STOCK({ left: 10 });
        return input;
      },
      mine: (_input, { principal }) => ({ subject: principal?.subject ?? "?", claims: principal?.claims }),
      admin() {},
      login: (input) => input,
      who: (_input, { principal }) => principal?.subject ?? null,
    },
  });

export const secret = "a shared secret of more than 32 bytes";
export const auth = { secret, issuer: "https://issuer.test", audience: "shop" };

/** A token as the issuer of `auth` would give out. */
export function token(
  claims: Record<string, unknown> = {},
  expires: string | number = "1h",
  key = secret,
): Promise<string> {
  const { sub = "ann", iss = auth.issuer, aud = auth.audience, ...others } = claims as Record<string, string>;
  return new SignJWT(others)
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setIssuer(iss)
    .setAudience(aud)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(key));
}

export interface World extends AsyncDisposable {
  readonly app: App;
  readonly server: FastifyInstance;
  /** Listens on a free port of this machine. @returns `http://127.0.0.1:…` */
  listen(): Promise<string>;
}

/** A started app of one process behind a gateway. */
export async function world(
  options: ServerOptions = { auth },
  parts: Partial<AppOptions> = {},
): Promise<World> {
  const running = app({
    transport: embedded({ broker: embeddedBroker() }),
    services: [probeService()],
    contracts: [nowhere],
    log: silent,
    ...parts,
  });
  await running.start();
  const server = await httpServer(running, options);
  await server.ready();
  return {
    app: running,
    server,
    listen: () => server.listen({ port: 0, host: "127.0.0.1" }),
    async [Symbol.asyncDispose]() {
      await server.close();
      await running.stop({ drainMs: 0 });
    },
  };
}

/** A world of one contract whose methods are given as functions. */
export function worldOf(one: Service<any>, options: GatewayOptions = {}): Promise<World> {
  return world(options, { services: [one], contracts: [] });
}

/** Keeps what is logged. */
export function recorder(): Logger & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const note = (data: object, message: string): void => {
    lines.push(
      `${message} ${JSON.stringify(data, (_key, value: unknown) => (value instanceof Error ? `${value.message} ${value.stack}` : value))}`,
    );
  };
  const log = { debug: note, info: note, warn: note, error: note, child: () => log, lines };
  return log;
}
