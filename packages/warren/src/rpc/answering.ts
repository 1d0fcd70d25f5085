import { aboutMessage } from "../about-message.ts";
import type { Codec } from "../codec/codec.ts";
import { type Compression, isLarge, isPlain, type Packed, packed } from "../codec/compression.ts";
import { json } from "../codec/json.ts";
import { encoded } from "../codec/payload.ts";
import type { Reading } from "../codec/reading.ts";
import { errorDetails } from "../contract/method.ts";
import { validated } from "../contract/schema.ts";
import { Fault, isFault, type SystemCode, systemFaults } from "../fault.ts";
import { type Random, randomId } from "../id.ts";
import type { Logger } from "../log.ts";
import type { HeaderValue, Incoming } from "../message.ts";
import { headers, names } from "../names.ts";
import type { Bury, DeathNotice } from "../retry/bury.ts";
import type { Disposition, Transport } from "../transport.ts";
import { faultBytes, isForCaller, plainFault } from "./fault-reply.ts";
import type { CallPlan } from "./plan.ts";
import type { Served } from "./served.ts";

export interface AnsweringOptions {
  readonly transport: Transport;
  readonly reading: Reading;
  readonly compression?: Compression | undefined;
  readonly random: Random;
  readonly log: Logger;
  readonly instance: string;
  readonly maxBytes: number;
  /** Whose answers they are. */
  readonly service: string;
  readonly bury: Bury;
}

/** What a caller is told of a handler's error. */
export interface Told {
  readonly code: string;
  readonly body: Uint8Array;
  /** It is one of those that the method declares: an answer, as good as an output. */
  readonly isDeclared: boolean;
}

/** Makes answers of what handlers return and throw, and sends them: in the codec of their request, which whoever asks can read. */
export interface Answering {
  /** What answers to a request are written in. */
  codecOf(message: Incoming): Codec;
  /** A good answer, in bytes. Synchronous unless the schema is not. @throws Fault INVALID_OUTPUT, TOO_LARGE */
  encode(plan: CallPlan, output: unknown, message: Incoming): Uint8Array | Promise<Uint8Array>;
  /** Declared faults and those meant for a caller travel; anything else becomes INTERNAL, its details only the log's. */
  tell(served: Served, message: Incoming, error: unknown): Told | Promise<Told>;
  /** Nothing is said where nobody asked for an answer: of a fault, `keep` is for that. Never rejects. */
  reply(
    message: Incoming,
    body: Uint8Array,
    fault?: string,
    contentType?: string,
  ): Disposition | Promise<Disposition>;
  /** Where nobody asked for an answer, it is kept for that `reason`. @default "failed" */
  answerFault(
    message: Incoming,
    fault: Fault,
    reason?: DeathNotice["reason"],
  ): Disposition | Promise<Disposition>;
  /** A request that failed, and that nobody waits for, becomes a dead letter. */
  keep(message: Incoming, error: unknown, reason?: DeathNotice["reason"]): Promise<Disposition>;
}

export function answering(options: AnsweringOptions): Answering {
  const { transport, reading, compression, log, instance, maxBytes, service, bury } = options;

  /** JSON where a request is of what nobody here reads: then it is told so. */
  function codecOf({ contentType }: Incoming): Codec {
    return reading.codec(contentType) ?? json;
  }

  function outputBytes(codec: Codec, plan: CallPlan, value: unknown): Uint8Array {
    return encoded(codec, value, plan.outputName, maxBytes, "INVALID_OUTPUT");
  }

  function encode(plan: CallPlan, output: unknown, message: Incoming): Uint8Array | Promise<Uint8Array> {
    const codec = codecOf(message);
    if (plan.output === undefined) return codec.encode(undefined);
    const checked = validated(plan.output, output, "INVALID_OUTPUT", plan.outputName);
    return checked instanceof Promise
      ? checked.then((value) => outputBytes(codec, plan, value))
      : outputBytes(codec, plan, checked);
  }

  function tell(served: Served, message: Incoming, error: unknown): Told | Promise<Told> {
    if (isFault(error)) {
      if (Object.hasOwn(served.errors, error.code)) return tellDeclared(served, message, error);
      if (isForCaller(error)) {
        // The caller is told as much; whoever runs this service has to know which dependency it was.
        if (systemFaults[error.code as SystemCode].retryable)
          log.warn({ ...aboutMessage(message), err: error }, "a method could not be carried out");
        return tellRaised(served.plan, message, error, false);
      }
    }
    return tellInternal(served.plan, message, error);
  }

  function tellDeclared(served: Served, message: Incoming, fault: Fault): Told | Promise<Told> {
    const { plan, errors } = served;
    const { data: schema } = errorDetails(errors[fault.code]!);
    const raised = (data: unknown): Told =>
      tellRaised(plan, message, new Fault(fault.code, data, { message: fault.message }), true);
    if (schema === undefined) return raised(undefined);
    return Promise.resolve()
      .then(() =>
        validated(schema, fault.data, "INVALID_OUTPUT", `The data of fault ${fault.code} of ${plan.id}`),
      )
      .then(raised, (error) => tellInternal(plan, message, error));
  }

  /** Data that is too large, or that no codec can encode, is a handler's failure like any other, and answered like one. */
  function tellRaised(plan: CallPlan, message: Incoming, fault: Fault, isDeclared: boolean): Told {
    try {
      const what = `Fault ${fault.code} of ${plan.id}`;
      const body = encoded(codecOf(message), plainFault(fault), what, maxBytes, "INVALID_OUTPUT");
      return { code: fault.code, body, isDeclared };
    } catch (error) {
      return tellInternal(plan, message, error);
    }
  }

  function tellInternal(plan: CallPlan, message: Incoming, error: unknown): Told {
    const errorId = randomId(options.random, 12);
    log.error({ ...aboutMessage(message), err: error, errorId }, "a handler failed");
    const text = `${plan.id} failed. Its log has the details under error id ${errorId}.`;
    const fault = new Fault("INTERNAL", { errorId }, { message: text });
    return { code: fault.code, body: faultBytes(codecOf(message), fault), isDeclared: false };
  }

  function reply(
    message: Incoming,
    body: Uint8Array,
    fault?: string,
    contentType = codecOf(message).contentType,
  ): Disposition | Promise<Disposition> {
    if (message.replyTo === undefined) return "ack";
    if (!isLarge(compression, body) || !accepts(message, compression.encoding))
      return send(message, { body, contentEncoding: undefined }, fault, contentType);
    return packed(compression, body).then((smaller) => send(message, smaller, fault, contentType));
  }

  function send(
    message: Incoming,
    { body, contentEncoding }: Packed,
    fault: string | undefined,
    contentType: string,
  ): Disposition | Promise<Disposition> {
    const fields: Record<string, HeaderValue> | undefined =
      fault === undefined ? undefined : { [headers.fault]: fault };
    const outgoing = {
      exchange: "",
      key: message.replyTo!,
      body,
      persistent: false,
      mandatory: false,
      contentType,
      contentEncoding,
      correlationId: message.correlationId ?? message.messageId,
      // Only who asked every instance has to tell the answers apart.
      appId: message.exchange === names.instanceExchange ? instance : undefined,
      headers: fields,
    };
    if (transport.send(outgoing)) return "ack";
    return transport.publish(outgoing).then(
      () => "ack",
      (error) => {
        log.warn(
          { ...aboutMessage(message), err: error },
          "a reply could not be sent; its caller will run into its deadline",
        );
        return "ack";
      },
    );
  }

  function keep(
    message: Incoming,
    error: unknown,
    reason: DeathNotice["reason"] = "failed",
  ): Promise<Disposition> {
    return bury(message, { service, queue: names.requests(service), reason, error });
  }

  return {
    codecOf,
    encode,
    tell,
    reply,
    keep,
    answerFault(message, fault, reason) {
      message.work?.fail(fault);
      return message.replyTo === undefined
        ? keep(message, fault, reason)
        : reply(message, faultBytes(codecOf(message), fault), fault.code);
    },
  };
}

/** Who asks says so, or has compressed the request. */
function accepts({ contentEncoding, headers: all }: Incoming, encoding: string): boolean {
  const accepted = all?.[headers.acceptEncoding];
  return !isPlain(contentEncoding) || (typeof accepted === "string" && accepted.includes(encoding));
}
