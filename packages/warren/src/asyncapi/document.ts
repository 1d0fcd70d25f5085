import type { JsonSchema } from "../contract/json-schema.ts";

export type Named<T> = Readonly<Record<string, T>>;

/** An AsyncAPI 3.0 document, as far as Warren writes one. */
export interface AsyncApiDocument {
  readonly asyncapi: "3.0.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly defaultContentType: string;
  readonly servers?: Named<object>;
  readonly channels: Named<object>;
  readonly operations: Named<object>;
  readonly components: { readonly messages: Named<object>; readonly schemas: Named<JsonSchema> };
}

/** Bindings of AMQP 0-9-1. What RabbitMQ's arguments say of a queue has no place in them. */
export function amqp(binding: object): object {
  return { amqp: { ...binding, bindingVersion: "0.3.0" } };
}

export function reference(...path: string[]): { readonly $ref: string } {
  return { $ref: `#/${path.map(pointerPart).join("/")}` };
}

function pointerPart(text: string): string {
  return text.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The messages of a channel: each leads to the one of the same name among the components. */
export function channelMessages(names: readonly string[]): Named<object> {
  return Object.fromEntries(names.map((name) => [name, reference("components", "messages", name)]));
}

/** Codes of faults are anybody's texts, and keys of a document are not. */
export function keyOf(text: string): string {
  return text.replaceAll(/[^\w.-]/g, "_");
}
