import type { Codec } from "../codec/codec.ts";
import { type Compression, isLarge, packed } from "../codec/compression.ts";
import { encoded } from "../codec/payload.ts";
import type { Event } from "../contract/contract.ts";
import { validated } from "../contract/schema.ts";
import type { HeaderValue, Outgoing } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Probe } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import { leaveTrail, type Trail } from "../trail.ts";
import type { Transport } from "../transport.ts";

export interface EventPublisher {
  /** Resolves when the broker has the event on the way to every subscriber; nobody subscribing is no failure. */
  emit(event: Event, data: unknown, trail: Trail, codec?: Codec): Promise<void>;
  /** The message that `emit` would publish. @throws Fault INVALID_EVENT, TOO_LARGE */
  message(
    event: Event,
    data: unknown,
    trail: Trail,
    codec?: Codec,
  ): Promise<Outgoing & { readonly messageId: string }>;
}

export interface EventPublisherOptions {
  readonly transport: Pick<Transport, "publish">;
  /** What events are written in where nothing else is said. */
  readonly codec: Codec;
  readonly compression?: Compression | undefined;
  readonly clock: Clock;
  readonly nextId: () => string;
  readonly instance: string;
  readonly maxBytes: number;
  readonly probe?: Probe | undefined;
}

/** Publishes events as CloudEvents 1.0 in binary mode: the body is the data, attributes are properties and headers. */
export function eventPublisher(options: EventPublisherOptions): EventPublisher {
  const { transport, codec: usual, compression, clock, nextId, instance, maxBytes, probe } = options;
  const message: EventPublisher["message"] = async (event, data, given, codec = usual) => {
    const trail = probe?.trail(given) ?? given;
    const checked = await validated(event.schema, data, "INVALID_EVENT", `The event ${event.id}`);
    const whole = encoded(codec, checked, `The event ${event.id}`, maxBytes, "INVALID_EVENT");
    const { body, contentEncoding } = isLarge(compression, whole)
      ? await packed(compression, whole)
      : { body: whole, contentEncoding: undefined };
    const fields: Record<string, HeaderValue> = {
      [headers.eventSpec]: "1.0",
      [headers.eventSource]: `/services/${event.service}`,
    };
    return {
      exchange: names.eventExchange,
      key: event.id,
      body,
      persistent: true,
      mandatory: false,
      contentType: codec.contentType,
      contentEncoding,
      type: event.id,
      messageId: nextId(),
      appId: instance,
      timestampSeconds: Math.floor(clock.now() / 1000),
      headers: leaveTrail(fields, trail),
    };
  };
  return {
    message,
    emit: async (event, data, trail, codec) => transport.publish(await message(event, data, trail, codec)),
  };
}
