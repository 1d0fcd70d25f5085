import { Signer } from "@fastify/cookie";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Clock, jsonText } from "../index.ts";
import type { SessionOptions } from "./options.ts";

/** Reads and writes the signed session cookie. */
export interface Sessions {
  /** The content; `undefined` without a session, and for one that is expired or was tampered with. */
  read(request: FastifyRequest): unknown;
  /** `null` ends the session, `undefined` leaves it alone. */
  write(reply: FastifyReply, content: unknown, secure: boolean): void;
}

const week = 7 * 24 * 60 * 60;

/** Browsers keep no cookie longer than 4,096 bytes, its name and attributes included. */
const maxCookieBytes = 3_900;

/** @throws TypeError for a secret that is too short to sign with */
export function sessions(options: SessionOptions, clock: Clock): Sessions {
  const { secrets, name = "session", maxAgeSeconds = week } = options;
  if (secrets.length === 0 || secrets.some((secret) => secret.length < 32))
    throw new TypeError("session.secrets: give at least one secret, each of at least 32 characters.");
  const signer = new Signer([...secrets]);
  // The name is signed too, so that no other cookie signed with the same secret can be passed off as a session.
  const sealed = (payload: string): string => signer.sign(`${name}:${payload}`).slice(name.length + 1);
  return {
    read(request) {
      const cookie = Object.hasOwn(request.cookies, name) ? request.cookies[name] : undefined;
      if (cookie === undefined) return undefined;
      const { valid, value } = signer.unsign(`${name}:${cookie}`);
      return valid && value !== null ? contentOf(value.slice(name.length + 1), clock.now()) : undefined;
    },
    write(reply, content, secure) {
      const attributes = { path: "/", httpOnly: true, sameSite: "lax", secure } as const;
      if (content === undefined) return;
      if (content === null) {
        reply.clearCookie(name, attributes);
        return;
      }
      const text = jsonText({ content, until: clock.now() + maxAgeSeconds * 1_000 })!;
      const cookie = sealed(Buffer.from(text).toString("base64url"));
      if (cookie.length > maxCookieBytes)
        throw new Error(
          `A session of ${cookie.length} bytes does not fit into a cookie of ${maxCookieBytes}: keep an id in it, and the rest elsewhere.`,
        );
      reply.setCookie(name, cookie, { ...attributes, maxAge: maxAgeSeconds });
    },
  };
}

/** Only called with what was signed here. */
function contentOf(payload: string, now: number): unknown {
  const { content, until } = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as {
    content: unknown;
    until: number;
  };
  return until > now ? content : undefined;
}
