import type { FastifyInstance, FastifyReply } from "fastify";
import { Fault } from "warren";
import type { Problem } from "warren/gateway";
import { z } from "zod";
import type { Accounts } from "./accounts.ts";
import { issueToken, tokenLifetimeSeconds } from "./tokens.ts";

const signUp = z.object({
  /** The name is the id: what a token says, what items and notifications are filed under. It never changes. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,30}$/, 'use 2 to 31 lower-case letters, digits and "-", a letter first'),
  password: z.string().min(12).max(200),
});
const logIn = z.object({ name: z.string().max(200), password: z.string().max(200) });

/** `POST /accounts` and `POST /accounts/login`, by hand beside the routes that come from contracts. */
export function addAccountRoutes(server: FastifyInstance, accounts: Accounts, secret: string): void {
  server.post("/accounts", async (request, reply) => {
    const { name, password } = parsed(signUp, request.body);
    if (!(await accounts.signUp(name, password))) return refuseTaken(reply, request.id);
    return withToken(reply.status(201), name, secret);
  });

  server.post("/accounts/login", async (request, reply) => {
    const { name, password } = parsed(logIn, request.body);
    if (!(await accounts.logIn(name, password)))
      throw new Fault("UNAUTHENTICATED", undefined, { message: "The name or the password is wrong." });
    return withToken(reply, name, secret);
  });
}

async function withToken(reply: FastifyReply, name: string, secret: string): Promise<FastifyReply> {
  const token = await issueToken(name, secret);
  return reply
    .header("cache-control", "no-store")
    .send({ name, token, expiresInSeconds: tokenLifetimeSeconds });
}

/** @throws Fault INVALID_INPUT naming each field */
function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body ?? {});
  if (success) return data;
  const issues = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const fields = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  throw new Fault("INVALID_INPUT", { issues }, { message: `The input is not valid: ${fields.join("; ")}` });
}

function refuseTaken(reply: FastifyReply, requestId: string): FastifyReply {
  const problem: Problem = {
    type: "urn:warren:fault:NAME_TAKEN",
    title: "Name taken",
    status: 409,
    detail: "Somebody else has that name: choose another.",
    instance: `urn:warren:request:${requestId}`,
    code: "NAME_TAKEN",
  };
  return reply.status(409).type("application/problem+json").send(problem);
}
