import type { JsonSchema } from "../contract/json-schema.ts";
import { headers, traceHeaders } from "../names.ts";

const text = (description: string): JsonSchema => ({ type: "string", description });

/** What travels with all that one request or event causes. */
const trailHeaders: Readonly<Record<string, JsonSchema>> = {
  [headers.conversation]: text(
    "Shared by all that one request or event caused. Where it is missing: the message's own id.",
  ),
  [headers.principal]: text('On whose behalf: {"subject": string, "scopes": string[]} as JSON.'),
  ...Object.fromEntries(traceHeaders.map((name) => [name, text("W3C Trace Context.")])),
};

function headersOf(own: Readonly<Record<string, JsonSchema>>, required: readonly string[]): JsonSchema {
  return { type: "object", properties: { ...own, ...trailHeaders }, required };
}

export const requestHeaders: JsonSchema = headersOf(
  {
    [headers.deadline]: {
      type: "integer",
      description:
        "When the caller stops waiting, in milliseconds since the Unix epoch. A late request is not run.",
    },
    [headers.key]: text(
      "Of one thing to be done: with a store, a second request with it is answered as the first.",
    ),
    [headers.acceptEncoding]: text(
      'What the answer may be compressed with: "gzip, zstd, br" or some of them. Without it, it is not.',
    ),
  },
  [],
);

/** CloudEvents 1.0 in binary mode; what AMQP has a property for (id, type, time, datacontenttype) is in that. */
export function eventHeaders(service: string): JsonSchema {
  return headersOf(
    {
      [headers.eventSpec]: { const: "1.0" },
      [headers.eventSource]: { const: `/services/${service}` },
    },
    [headers.eventSpec, headers.eventSource],
  );
}

/** On a reply that is a fault. */
export function faultHeaders(code?: string): JsonSchema {
  const own = code === undefined ? text("The code of the fault.") : { const: code };
  return { type: "object", properties: { [headers.fault]: own }, required: [headers.fault] };
}
