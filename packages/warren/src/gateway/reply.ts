import type { FastifyReply } from "fastify";
import { type CookieBinding, Fault, type HttpReply, jsonText, type NotEncodable } from "../index.ts";
import { fieldOf, headerSafe, template } from "./template.ts";

export interface ReplyContext {
  /** Whether cookies are to be sent over HTTPS only. */
  readonly secure: boolean;
  /** Sets the session's content, or ends it with `null`. */
  readonly saveSession: (content: unknown) => void;
}

export type WriteReply = (reply: FastifyReply, output: unknown, context: ReplyContext) => FastifyReply;

/**
 * Answers with a method's output as the binding declares. The output is data and nothing else: no content of it is ever
 * taken for an instruction. In `location` and `content-location` a field among other text is encoded as a piece of a path.
 * @throws Error where the method chose a status that is none (the function returned does)
 */
export function replyWriter(methodId: string, declared: HttpReply = {}): WriteReply {
  const headers = Object.entries(declared.headers ?? {}).map(([name, value]) => {
    const inUrl = /^(content-)?location$/i.test(name);
    return [name.toLowerCase(), template(value, inUrl ? encodeURIComponent : undefined)] as const;
  });
  const cookies = Object.entries(declared.cookies ?? {}).map(([name, value]) => {
    const binding: CookieBinding = typeof value === "string" ? { value } : value;
    return { name, binding, value: template(binding.value) };
  });
  const chosen = typeof declared.status === "string" ? declared.status.slice(1, -1) : undefined;

  return (reply, output, context) => {
    const body = declared.body === undefined ? output : fieldOf(output, declared.body);
    const text = textOf(body, methodId);
    for (const [name, value] of headers) {
      const filled = value(output);
      if (typeof filled === "object") reply.header(name, headerSafe(filled.text));
    }
    for (const { name, binding, value } of cookies) writeCookie(reply, name, binding, value(output), context);
    if (declared.session !== undefined) context.saveSession(fieldOf(output, declared.session));
    const status = chosen === undefined ? declared.status : statusIn(output, chosen, methodId);
    return send(reply, body, text, status as number | undefined);
  };
}

/** Before anything of the answer is written. @throws Fault INVALID_OUTPUT for what JSON cannot hold, and other codecs can */
function textOf(body: unknown, methodId: string): string | undefined {
  try {
    return jsonText(body);
  } catch (cause) {
    const { path = "", message } = cause as Partial<NotEncodable> & Error;
    const what = `The output of ${methodId} cannot be told over HTTP: ${path === "" ? "" : `${path}: `}${message}`;
    throw new Fault("INVALID_OUTPUT", { issues: [{ path, message }] }, { message: what, cause });
  }
}

function send(
  reply: FastifyReply,
  body: unknown,
  text: string | undefined,
  status: number | undefined,
): FastifyReply {
  reply.status(status ?? (body === undefined ? 204 : 200));
  if (text === undefined || reply.statusCode === 204 || reply.statusCode === 304) return reply.send();
  const type = reply.getHeader("content-type");
  if (typeof type === "string" && typeof body === "string" && !/[/+]json\b/i.test(type))
    return reply.send(body);
  if (type === undefined) reply.header("content-type", "application/json; charset=utf-8");
  return reply.send(text);
}

function writeCookie(
  reply: FastifyReply,
  name: string,
  { maxAgeSeconds, path = "/", httpOnly = true, sameSite = "lax" }: CookieBinding,
  value: ReturnType<ReturnType<typeof template>>,
  { secure }: ReplyContext,
): void {
  // Browsers take SameSite=None only with Secure.
  const options = { path, httpOnly, sameSite, secure: secure || sameSite === "none" };
  if (value === "null") reply.clearCookie(name, options);
  else if (value !== "undefined")
    reply.setCookie(
      name,
      value.text,
      maxAgeSeconds === undefined ? options : { ...options, maxAge: maxAgeSeconds },
    );
}

function statusIn(output: unknown, field: string, methodId: string): number {
  const status = fieldOf(output, field);
  if (typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599) return status;
  throw new Error(
    `${methodId} answers with the status in "${field}", which is ${JSON.stringify(status)}: use a whole number from 200 to 599.`,
  );
}
