/** A text as an Erlang binary, whatever is in it. */
export function binary(text: string): string {
  return `<<${[...Buffer.from(text, "utf8")].join(",")}>>`;
}

/** A text as an Erlang atom. */
export function atom(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;
}

/** The name of a queue or exchange, as RabbitMQ's own functions take it. */
export function resource(kind: "queue" | "exchange", name: string, vhost: string): string {
  return `rabbit_misc:r(${binary(vhost)}, ${kind}, ${binary(name)})`;
}
