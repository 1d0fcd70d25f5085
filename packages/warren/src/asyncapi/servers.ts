import type { Named } from "./document.ts";

/** The broker's addresses, without user and password, which are nobody's business who reads a document. */
export function serversOf(url: string | readonly string[]): Named<object> {
  const urls = typeof url === "string" ? url.split(",") : url;
  const servers = urls.map((each) => serverOf(each.trim()));
  return Object.fromEntries(
    servers.map((server, index) => [index === 0 ? "rabbitmq" : `rabbitmq-${index + 1}`, server]),
  );
}

/** The address is not in the message: it may hold a password. */
function serverOf(url: string): object {
  const { protocol, host, pathname } = URL.parse(url) ?? {};
  if ((protocol !== "amqp:" && protocol !== "amqps:") || !host)
    throw new TypeError("The address of a broker looks like amqp://host:5672/vhost, or amqps://…");
  return {
    host,
    protocol: protocol.slice(0, -1),
    protocolVersion: "0.9.1",
    ...(pathname === undefined || pathname === "" || pathname === "/" ? {} : { pathname }),
  };
}
