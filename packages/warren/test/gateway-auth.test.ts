import type { webcrypto } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { embedded } from "../src/embedded/index.ts";
import type { AuthOptions } from "../src/gateway/index.ts";
import { httpServer } from "../src/gateway/index.ts";
import { app, silent } from "../src/index.ts";
import { auth, probe, secret, token, type World, world } from "./gateway-world.ts";

const get = (edge: World, url: string, bearer?: string | Promise<string>) =>
  Promise.resolve(bearer).then((value) =>
    edge.server.inject({ url, headers: value === undefined ? {} : { authorization: `Bearer ${value}` } }),
  );

describe("tokens", () => {
  test("a principal travels with the call, with the claims that were asked for and no others", async () => {
    await using edge = await world({ auth: { ...auth, passClaims: ["tenant", "absent"] } });
    const answer = await get(edge, "/mine", token({ tenant: "t1", secret: "s" }));
    expect(answer.json()).toEqual({ subject: "ann", claims: { tenant: "t1" } });
  });

  test("no token is a 401 that says how to give one, where one is needed", async () => {
    await using edge = await world();
    const answer = await get(edge, "/mine");
    expect([answer.statusCode, answer.headers["www-authenticate"], answer.json()]).toMatchObject([
      401,
      "Bearer",
      { code: "UNAUTHENTICATED" },
    ]);
    expect((await get(edge, "/who")).body).toBe("null");
  });

  test.each([
    ["expired", () => token({}, Math.floor(Date.now() / 1_000) - 60), "The token has expired."],
    ["of another issuer", () => token({ iss: "https://other.test" }), "The token comes from another issuer."],
    ["for another audience", () => token({ aud: "other" }), "The token is meant for another audience."],
    ["signed with another key", () => token({}, "1h", secret.replace("a", "b")), "The token is not valid."],
    [
      "not signed at all",
      () => new UnsecuredJWT({ sub: "ann" }).setExpirationTime("1h").encode(),
      "The token is not valid.",
    ],
    [
      "without an end",
      () =>
        new SignJWT({})
          .setProtectedHeader({ alg: "HS256" })
          .setSubject("ann")
          .setIssuer(auth.issuer)
          .setAudience(auth.audience)
          .sign(new TextEncoder().encode(secret)),
      "The token does not say when it expires.",
    ],
    ["without a subject", () => token({ sub: "" }), "The token names no subject."],
    ["garbage", () => "garbage", "The token is not valid."],
  ])("a token that is %s is a 401, even where none is needed", async (_what, make, detail) => {
    await using edge = await world();
    for (const url of ["/mine", "/who"]) {
      const answer = await get(edge, url, make());
      expect([answer.statusCode, answer.headers["www-authenticate"]]).toEqual([
        401,
        'Bearer error="invalid_token"',
      ]);
      expect(answer.json()).toMatchObject({ code: "UNAUTHENTICATED", detail });
    }
  });

  test("a scheme other than bearer is a 401", async () => {
    await using edge = await world();
    for (const authorization of ["Basic YTpi", "Bearer", "Bearer a b"])
      expect((await edge.server.inject({ url: "/who", headers: { authorization } })).statusCode).toBe(401);
  });

  test("a missing scope is a 403 that names it", async () => {
    await using edge = await world();
    const remove = async (claims: object) =>
      edge.server.inject({
        method: "DELETE",
        url: "/everything",
        headers: { authorization: `Bearer ${await token(claims as Record<string, unknown>)}` },
      });
    const refused = await remove({ scope: "admin other" });
    expect(refused.json()).toMatchObject({
      status: 403,
      code: "FORBIDDEN",
      detail: "You lack the scope delete.",
    });
    expect(refused.headers["www-authenticate"]).toBe('Bearer error="insufficient_scope", scope="delete"');
    expect((await remove({ scope: "delete admin" })).statusCode).toBe(204);
    expect((await remove({ scope: ["delete", "admin"] })).statusCode).toBe(204);
  });
});

describe("keys", () => {
  const signed = async (privateKey: webcrypto.CryptoKey, alg: string, kid?: string): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader(kid === undefined ? { alg } : { alg, kid })
      .setSubject("ann")
      .setExpirationTime("1h")
      .sign(privateKey);

  test("a public key checks tokens of its own kind, and is no secret to sign with", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const pem = await exportSPKI(publicKey);
    await using edge = await world({ auth: { publicKey: pem } });
    expect((await get(edge, "/who", signed(privateKey, "ES256"))).body).toBe('"ann"');
    // The classic forgery: the public key, which everybody has, taken for the secret of HS256.
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("ann")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(pem));
    const rsa = await generateKeyPair("RS256");
    for (const bad of [forged, await signed(rsa.privateKey, "RS256")])
      expect((await get(edge, "/who", bad)).statusCode).toBe(401);
  });

  test("a key set is fetched from its address; while it cannot be, nobody is called a liar", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    let up = false;
    const issuer = createServer((_request, response) => {
      void exportJWK(publicKey).then((key) =>
        response
          .writeHead(up ? 200 : 500)
          .end(JSON.stringify({ keys: [{ ...key, kid: "k1", alg: "RS256" }] })),
      );
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    try {
      await using edge = await world({
        auth: { jwks: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks` },
      });
      const down = await get(edge, "/who", signed(privateKey, "RS256", "k1"));
      expect([down.statusCode, down.json()]).toMatchObject([503, { code: "UNAVAILABLE" }]);
      up = true;
      expect((await get(edge, "/who", signed(privateKey, "RS256", "k1"))).body).toBe('"ann"');
      expect((await get(edge, "/who", signed(privateKey, "RS256", "k2"))).statusCode).toBe(401);
      expect((await get(edge, "/who", "garbage")).statusCode).toBe(401);
    } finally {
      issuer.close();
    }
  });

  test.each<[string, AuthOptions, RegExp]>([
    ["no key", {}, /exactly one of secret, publicKey and jwks; there are 0/],
    ["two keys", { secret, jwks: { keys: [] } }, /there are 2/],
    ["a short secret", { secret: "short" }, /5 bytes: HS256 needs at least 32/],
    ["alg none", { secret, algorithms: ["none"] }, /"none", which a secret cannot check/],
    [
      "HS256 with public keys",
      { jwks: { keys: [] }, algorithms: ["HS256"] },
      /"HS256", which a public key cannot check/,
    ],
    ["no algorithm", { secret, algorithms: [] }, /algorithms is empty/],
  ])("%s is refused before anything starts", async (_what, options, message) => {
    const idle = app({ transport: embedded(), contracts: [probe], log: silent });
    await expect(httpServer(idle, { auth: options })).rejects.toThrow(message);
  });
});
