import type { Codec } from "../codec/codec.ts";
import { type Compression, isLarge, packed } from "../codec/compression.ts";
import { encoded } from "../codec/payload.ts";
import type { Event } from "../contract/contract.ts";
import type { Method } from "../contract/method.ts";
import { validated } from "../contract/schema.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { HeaderValue } from "../message.ts";
import { headers } from "../names.ts";
import type { Principal } from "../principal.ts";
import { callPlan } from "../rpc/plan.ts";
import { storedKey } from "../stored-key.ts";
import type { Probe } from "../telemetry/probe.ts";
import type { Clock } from "../time.ts";
import { leaveTrail, type Trail } from "../trail.ts";
import { wholeNumber } from "../whole-number.ts";
import type { OutboxEntry } from "./entry.ts";

export interface InLane {
  /**
   * Messages of one store with the same lane go one after the other, in the order in which they were written: the next
   * one when the broker has the one before, or when that call is answered. Mostly the key of what it is about. Of two
   * transactions at the same time either may be first, so lock what they change where that matters. 1 to 200 characters.
   * @default in no order
   */
  readonly lane?: string;
}

export interface SendOptions extends InLane {
  /** How long each try waits for an answer, in milliseconds. @default the method's */
  readonly timeoutMs?: number;
  /** On whose behalf. @default that of the handler sending it */
  readonly principal?: Principal;
}

/** What an entry is told beside its content. */
export interface About {
  /** Whose dead letter a call becomes that fails for good. */
  readonly service: string;
  readonly trail: Trail;
  /** What it is written in. @default the app's */
  readonly codec?: Codec | undefined;
  /** Later, by so many milliseconds. @default 0 */
  readonly delayMs?: number;
}

/** Makes entries: validated and encoded before the transaction commits, so that none is found to be wrong after. */
export interface EntryWriter {
  /** @throws Fault INVALID_EVENT, TOO_LARGE */
  event(event: Event, data: unknown, about: About, options?: InLane): Promise<OutboxEntry>;
  /** @throws Fault INVALID_INPUT, TOO_LARGE */
  call(method: Method, input: unknown, about: About, options?: SendOptions): Promise<OutboxEntry>;
}

export interface EntryWriterOptions {
  readonly publisher: EventPublisher;
  readonly codec: Codec;
  readonly compression?: Compression | undefined;
  readonly clock: Clock;
  readonly nextId: () => string;
  readonly instance: string;
  readonly maxBytes: number;
  readonly probe?: Probe | undefined;
}

const maxLaneChars = 200;
/** 49 days, as for other calls. */
const longestTimeoutMs = 2 ** 32 - 1;

export function entryWriter(options: EntryWriterOptions): EntryWriter {
  const { publisher, codec: usual, compression, clock, nextId, instance, maxBytes, probe } = options;

  return {
    async event(event, data, { service, trail, delayMs = 0, codec }, { lane } = {}) {
      const now = clock.now();
      const message = await publisher.message(event, data, trail, codec);
      const dueAt = now + delayMs;
      return {
        id: message.messageId,
        service,
        kind: "event",
        type: event.id,
        conversation: trail.conversation ?? message.messageId,
        lane: checkedLane(lane),
        dueAt,
        // It happens when it is due.
        message: { ...message, timestampSeconds: Math.floor(dueAt / 1000) },
      };
    },
    async call(method, input, about, { lane, timeoutMs, principal } = {}) {
      const { service, delayMs = 0, codec = usual } = about;
      const trail = probe?.trail(about.trail) ?? about.trail;
      const plan = callPlan(method);
      const expirationMs = wholeNumber(
        `send ${plan.id}: timeoutMs`,
        timeoutMs,
        plan.timeoutMs,
        1,
        longestTimeoutMs,
      );
      const checked = plan.input && (await validated(plan.input, input, "INVALID_INPUT", plan.inputName));
      const whole = encoded(codec, checked, plan.inputName, maxBytes, "INVALID_INPUT");
      const { body, contentEncoding } = isLarge(compression, whole)
        ? await packed(compression, whole)
        : { body: whole, contentEncoding: undefined };
      const id = nextId();
      const conversation = trail.conversation ?? id;
      const fields: Record<string, HeaderValue> = { [headers.key]: id };
      leaveTrail(fields, { ...trail, conversation, ...(principal && { principal }) });
      return {
        id,
        service,
        kind: "call",
        type: plan.id,
        conversation,
        lane: checkedLane(lane),
        dueAt: clock.now() + delayMs,
        message: {
          exchange: "",
          key: plan.queue,
          body,
          persistent: true,
          mandatory: true,
          contentType: codec.contentType,
          contentEncoding,
          type: plan.id,
          messageId: id,
          appId: instance,
          expirationMs,
          headers: fields,
        },
      };
    },
  };
}

/** As it is stored. @throws TypeError */
function checkedLane(lane: string | undefined): string | undefined {
  if (lane === undefined) return undefined;
  if (typeof lane !== "string" || lane.length < 1 || lane.length > maxLaneChars)
    throw new TypeError(`lane is ${JSON.stringify(lane)}; use a text of 1 to ${maxLaneChars} characters.`);
  return storedKey(lane);
}
