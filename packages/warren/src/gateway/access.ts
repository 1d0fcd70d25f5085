import { type Access, type AnyContract, Fault, methodsOf, type Principal } from "../index.ts";

/** @throws Fault UNAUTHENTICATED, FORBIDDEN (`data.missing` are the scopes) */
export function requireAccess(access: Access | undefined, principal: Principal | undefined): void {
  if (access === undefined || access === "anyone") return;
  if (principal === undefined)
    throw new Fault("UNAUTHENTICATED", undefined, {
      message: "Say who you are: send a token as `Authorization: Bearer …`.",
    });
  if (access === "authenticated") return;
  const missing = access.scopes.filter((scope) => !principal.scopes.includes(scope));
  if (missing.length > 0)
    throw new Fault("FORBIDDEN", { missing }, { message: `You lack the scope ${missing.join(", ")}.` });
}

/**
 * A route that nobody could ever be let through, or worse, that somebody takes for protected, shall not exist.
 * @throws TypeError naming the method
 */
export function checkAccessPossible(contracts: readonly AnyContract[], canAuthenticate: boolean): void {
  if (canAuthenticate) return;
  for (const method of contracts.flatMap(methodsOf))
    if (method.spec.http !== undefined && method.spec.access !== undefined && method.spec.access !== "anyone")
      throw new TypeError(
        `${method.id} is not for anyone, and the gateway cannot tell who calls: give it \`auth\` (or \`session.principal\`).`,
      );
}
