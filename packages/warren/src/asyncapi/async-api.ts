import type { Codec } from "../codec/codec.ts";
import { json } from "../codec/json.ts";
import type { AnyContract, Event } from "../contract/contract.ts";
import { type SchemaComponents, schemaComponents } from "../contract/schema-components.ts";
import type { Service } from "../service/service.ts";
import { partsOfCalls } from "./calls.ts";
import type { AsyncApiDocument, Named } from "./document.ts";
import { partsOfEmits, partsOfReactions } from "./events.ts";
import { serversOf } from "./servers.ts";

export interface AsyncApiOptions {
  /** @default the service's name where it is one, else "API" */
  readonly title?: string | undefined;
  /** @default "0.0.0" */
  readonly version?: string | undefined;
  /** Where the broker is, as for `rabbitmq`: one address or several. User and password are left out. */
  readonly url?: string | readonly string[] | undefined;
}

/** What one part of a service puts into the document. */
export interface DocumentParts {
  readonly channels: Named<object>;
  readonly operations: Named<object>;
  readonly messages: Named<object>;
}

/**
 * An AsyncAPI 3.0 document of services and contracts, said from their own point of view: a method is received and
 * replied to, an event is sent, and a service, unlike a contract alone, receives the events that it listens to. One
 * service gives the document of one application; several give the whole, with a tag for each. Calls that services make are
 * not in it, since nobody knows before they run. The same input gives the same text.
 * @throws TypeError for a URL that is no AMQP address
 */
export function asyncApi(
  of: readonly (Service<any> | AnyContract)[],
  options: AsyncApiOptions = {},
): AsyncApiDocument {
  const services = distinct(of);
  const { version = "0.0.0", url } = options;
  const title = options.title ?? (services.length === 1 ? contractOf(services[0]!).name : "API");
  const schemas = schemaComponents();
  const codecs = new Map(services.map((one) => [contractOf(one).name, codecOf(one)]));
  const contentType = (event: Event): string => (codecs.get(event.service) ?? json).contentType;
  const parts = services.flatMap((service) => partsOf(service, schemas, contentType));
  const merged = (of: keyof DocumentParts): Named<object> =>
    sorted(Object.assign({}, ...parts.map((part) => part[of])));
  const servers = url === undefined ? {} : serversOf(url);
  const components = { messages: merged("messages"), schemas: sorted(schemas.schemas) };
  return {
    asyncapi: "3.0.0",
    info: { title, version },
    defaultContentType: json.contentType,
    ...(url === undefined ? {} : { servers }),
    channels: merged("channels"),
    operations: merged("operations"),
    components,
  };
}

function partsOf(
  of: Service | AnyContract,
  schemas: SchemaComponents,
  contentType: (event: Event) => string,
): DocumentParts[] {
  const contract = contractOf(of);
  return [
    ...partsOfCalls(contract, schemas),
    ...partsOfEmits(contract, schemas, contentType),
    ...(of.kind === "service" ? partsOfReactions(of, schemas, contentType) : []),
  ];
}

/** A service says all that its contract says. */
function distinct(of: readonly (Service | AnyContract)[]): readonly (Service | AnyContract)[] {
  const byName = new Map<string, Service | AnyContract>();
  for (const one of of) {
    const { name } = contractOf(one);
    if (one.kind === "service" || !byName.has(name)) byName.set(name, one);
  }
  return [...byName].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, one]) => one);
}

/** What a service says that its events are written in; what its app says is not known here. */
function codecOf(of: Service | AnyContract): Codec {
  return (of.kind === "service" ? of.definition.codec : undefined) ?? json;
}

function contractOf(of: Service | AnyContract): AnyContract {
  return of.kind === "service" ? of.contract : of;
}

function sorted<T>(named: Named<T>): Named<T> {
  return Object.fromEntries(Object.entries(named).sort(([one], [other]) => (one < other ? -1 : 1)));
}
