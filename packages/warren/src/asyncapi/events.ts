import { type AnyContract, type Event, eventsOf } from "../contract/contract.ts";
import type { SchemaComponents } from "../contract/schema-components.ts";
import { headers, names } from "../names.ts";
import type { Uses } from "../service/context.ts";
import { eventsById, type Service } from "../service/service.ts";
import { interests } from "../service/topology.ts";
import type { DocumentParts } from "./async-api.ts";
import { payloadOf } from "./calls.ts";
import { amqp, channelMessages, type Named, reference } from "./document.ts";
import { eventHeaders } from "./headers.ts";

/** What a contract announces. */
export function partsOfEmits(
  contract: AnyContract,
  schemas: SchemaComponents,
  contentType: (event: Event) => string,
): DocumentParts[] {
  const events = eventsOf(contract);
  const operations = events.map((event): [string, object] => [
    `${event.id}.emit`,
    {
      action: "send",
      ...whereIs(event, event.service),
      bindings: amqp({ deliveryMode: 2, mandatory: false }),
    },
  ]);
  return [{ ...eventParts(events, schemas, contentType), operations: Object.fromEntries(operations) }];
}

/** What a service listens to, its own events and those of others, to do something or to undo it. */
export function partsOfReactions(
  service: Service,
  schemas: SchemaComponents,
  contentType: (event: Event) => string,
): DocumentParts[] {
  const { contract, definition } = service;
  const name: string = contract.name;
  const known = eventsById([contract, ...Object.values((definition.uses ?? {}) as Uses)]);
  const { group, ordered, everyInstance } = interests(service);
  const heard = [
    ...group.map((id) => [id, names.events(name)] as const),
    ...ordered.map((id) => [id, names.orderedEvents(name)] as const),
    ...everyInstance.map((id) => [id, names.instanceEvents(name, "{instance}")] as const),
  ].flatMap(([id, queue]) => {
    const event = known.get(id);
    return event === undefined ? [] : [{ event, queue }];
  });
  const operations = heard.map(({ event, queue }): [string, object] => [
    `${name}.on.${event.id}`,
    {
      action: "receive",
      ...whereIs(event, name),
      bindings: amqp({ ack: true }),
      "x-warren": { queue },
    },
  ]);
  return [
    {
      ...eventParts(
        heard.map(({ event }) => event),
        schemas,
        contentType,
      ),
      operations: Object.fromEntries(operations),
    },
  ];
}

const channelKey = ({ id }: Event): string => `${id}.event`;
const messageKey = channelKey;

function whereIs(event: Event, tag: string): object {
  const channel = channelKey(event);
  return {
    channel: reference("channels", channel),
    tags: [{ name: tag }],
    messages: [reference("channels", channel, "messages", messageKey(event))],
  };
}

function eventParts(
  events: readonly Event[],
  schemas: SchemaComponents,
  contentType: (event: Event) => string,
): Pick<DocumentParts, "channels" | "messages"> {
  const byKey = <T>(key: (event: Event) => string, make: (event: Event) => T): Named<T> =>
    Object.fromEntries(events.map((event) => [key(event), make(event)]));
  return {
    channels: byKey(channelKey, (event) => ({
      address: event.id,
      messages: channelMessages([messageKey(event)]),
      bindings: amqp({
        is: "routingKey",
        exchange: { name: names.eventExchange, type: "topic", durable: true, autoDelete: false },
      }),
    })),
    messages: byKey(messageKey, (event) => ({
      name: event.id,
      summary:
        "A CloudEvent (1.0) in binary mode: AMQP's message-id is its id, type its type, timestamp its time.",
      contentType: contentType(event),
      correlationId: {
        location: `$message.header#/${headers.conversation}`,
        description: "The conversation that it belongs to",
      },
      headers: eventHeaders(event.service),
      payload: payloadOf(schemas, messageKey(event), event.schema, "output"),
      bindings: amqp({ messageType: event.id }),
    })),
  };
}
