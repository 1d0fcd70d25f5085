import { type AnyContract, methodsOf } from "../contract/contract.ts";
import { type JsonSchema, jsonSchemaOf } from "../contract/json-schema.ts";
import { defaultTimeoutMs, type ErrorSpecs, errorDetails, type Method } from "../contract/method.ts";
import type { Schema } from "../contract/schema.ts";
import type { SchemaComponents } from "../contract/schema-components.ts";
import { names } from "../names.ts";
import type { DocumentParts } from "./async-api.ts";
import { amqp, channelMessages, keyOf, type Named, reference } from "./document.ts";
import { faultHeaders, requestHeaders } from "./headers.ts";

/** The AMQP property of a message that says which request it answers, as AsyncAPI can name it. */
const correlationId = {
  location: "$message.header#/correlationId",
  description: "AMQP property correlation-id",
};

/** What a service is asked, and what it replies: one queue of requests, and the queue of whoever asks. */
export function partsOfCalls(contract: AnyContract, schemas: SchemaComponents): DocumentParts[] {
  const methods = methodsOf(contract);
  if (methods.length === 0) return [];
  const service: string = contract.name;
  const perMethod = methods.map((method) => messagesOf(method, schemas));
  const requests = methods.map(requestKey);
  const replies = [...perMethod.flatMap(({ replies }) => Object.keys(replies)), faultKey];
  return [
    {
      channels: {
        [requestsKey(service)]: {
          address: names.requests(service),
          description: `Requests for any instance of ${service}, by the default exchange.`,
          messages: channelMessages(requests),
          bindings: amqp({
            is: "queue",
            queue: { name: names.requests(service), durable: true, exclusive: false, autoDelete: false },
          }),
        },
        [repliesKey(service)]: {
          address: null,
          description:
            "The queue that a request names in its AMQP property reply-to, exclusive to the caller.",
          messages: channelMessages(replies),
          bindings: amqp({ is: "queue", queue: { durable: false, exclusive: true, autoDelete: true } }),
        },
      },
      operations: Object.fromEntries(
        methods.map((method, index) => [
          method.id,
          operationOf(method, Object.keys(perMethod[index]!.replies)),
        ]),
      ),
      messages: Object.assign(
        { [faultKey]: systemFault },
        ...perMethod.flatMap(({ request, replies }) => [request, replies]),
      ),
    },
  ];
}

const faultKey = "fault";
const requestsKey = (service: string): string => `${service}.requests.queue`;
const repliesKey = (service: string): string => `${service}.replies.queue`;
const requestKey = ({ id }: Method): string => `${id}.request`;

function operationOf(method: Method, replies: readonly string[]): object {
  const { service, spec } = method;
  const { summary, timeoutMs = defaultTimeoutMs, idempotent = false, access = "anyone" } = spec;
  const message = (channel: string, key: string) => reference("channels", channel, "messages", key);
  return {
    action: "receive",
    channel: reference("channels", requestsKey(service)),
    ...(summary === undefined ? {} : { summary }),
    tags: [{ name: service }],
    messages: [message(requestsKey(service), requestKey(method))],
    bindings: amqp({ ack: true }),
    reply: {
      address: { location: "$message.header#/replyTo", description: "AMQP property reply-to" },
      channel: reference("channels", repliesKey(service)),
      messages: [...replies, faultKey].map((key) => message(repliesKey(service), key)),
    },
    "x-warren": { timeoutMs, idempotent, access },
  };
}

interface MethodMessages {
  readonly request: Named<object>;
  readonly replies: Named<object>;
}

function messagesOf(method: Method, schemas: SchemaComponents): MethodMessages {
  const { id, spec } = method;
  const described = (owner: string, schema: Schema<any, any> | undefined, side: "input" | "output") =>
    schema === undefined ? undefined : payloadOf(schemas, owner, schema, side);
  const common = { contentType: "application/json", correlationId };
  const faults = Object.entries((spec.errors ?? {}) as ErrorSpecs).map(([code, error]) => {
    const { data, message } = errorDetails(error);
    const key = keyOf(`${id}.fault.${code}`);
    const payload = faultPayload({ const: code }, described(key, data, "output"));
    const summary = message === undefined ? {} : { summary: message };
    return [key, { name: key, ...summary, ...common, headers: faultHeaders(code), payload }];
  });
  const input = described(`${id}.request`, spec.input, "input");
  const output = described(`${id}.reply`, spec.output, "output");
  return {
    request: {
      [requestKey(method)]: {
        name: requestKey(method),
        ...common,
        // A request is answered under its own id.
        correlationId: { location: "$message.header#/messageId", description: "AMQP property message-id" },
        headers: requestHeaders,
        ...(input && { payload: input }),
        bindings: amqp({ messageType: id }),
      },
    },
    replies: {
      [`${id}.reply`]: { name: `${id}.reply`, ...common, ...(output && { payload: output }) },
      ...Object.fromEntries(faults),
    },
  };
}

/** What is not described can be anything. */
export function payloadOf(
  schemas: SchemaComponents,
  owner: string,
  schema: Schema<any, any>,
  side: "input" | "output",
): JsonSchema {
  const root = jsonSchemaOf(schema, side, "draft-07") ?? {};
  return schemas.adopt(owner, root)(root);
}

function faultPayload(code: JsonSchema, data?: JsonSchema): JsonSchema {
  const properties = { code, message: { type: "string" }, ...(data && { data }) };
  return { type: "object", properties, required: ["code", "message"] };
}

const systemFault = {
  name: faultKey,
  summary: "A fault that Warren raises itself, such as INVALID_INPUT or TIMEOUT",
  contentType: "application/json",
  correlationId,
  headers: faultHeaders(),
  payload: faultPayload({ type: "string" }, {}),
};
