import { SignJWT } from "jose";

/** How long a token is good for, in seconds. */
export const tokenLifetimeSeconds = 8 * 60 * 60;

/** Makes a token that says its bearer is `name`. The gateway checks it with the same secret. */
export function issueToken(name: string, secret: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(name)
    .setIssuedAt()
    .setExpirationTime(`${tokenLifetimeSeconds}s`)
    .sign(new TextEncoder().encode(secret));
}
