import type { Headers, HeaderValue, Incoming } from "../message.ts";
import type { RawMessage } from "./amqp.ts";

/** Never throws: whatever anyone may put into a message, it is a message. */
export function incoming(raw: RawMessage): Incoming {
  const { fields, properties } = raw;
  return {
    exchange: fields.exchange,
    key: fields.routingKey,
    body: raw.content,
    persistent: properties.deliveryMode === 2,
    redelivered: fields.redelivered,
    returns: returnsOf(properties.headers),
    contentType: properties.contentType,
    contentEncoding: properties.contentEncoding,
    type: properties.type,
    messageId: properties.messageId,
    correlationId: properties.correlationId,
    replyTo: properties.replyTo,
    appId: properties.appId,
    expirationMs: properties.expiration === undefined ? undefined : milliseconds(properties.expiration),
    timestampSeconds: properties.timestamp,
    headers: properties.headers === undefined ? undefined : plain(properties.headers),
  };
}

/** RabbitMQ 3.10 says 0 on the first delivery, later versions nothing. */
function returnsOf(headers: Record<string, unknown> | undefined): number {
  const count = headers?.["x-delivery-count"];
  return typeof count === "number" ? count : 0;
}

function milliseconds(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Keeps what a header of ours can be. Tables, lists and binary data are the broker's notes or another client's. */
function plain(headers: Record<string, unknown>): Headers | undefined {
  let kept: Record<string, HeaderValue> | undefined;
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") continue;
    kept ??= {};
    kept[name] = value;
  }
  return withLastDeath(headers["x-death"], kept);
}

/** The broker's newest note on why the message lies where it does. From 3.13 on it says so in plain headers itself. */
function withLastDeath(
  deaths: unknown,
  kept: Record<string, HeaderValue> | undefined,
): Record<string, HeaderValue> | undefined {
  if (!Array.isArray(deaths) || kept?.["x-last-death-queue"] !== undefined) return kept;
  const { queue, reason } = (deaths[0] ?? {}) as { queue?: unknown; reason?: unknown };
  if (typeof queue !== "string" || typeof reason !== "string") return kept;
  return { ...kept, "x-last-death-queue": queue, "x-last-death-reason": reason };
}
