import { json } from "../codec/json.ts";
import { isServiceName } from "../contract/contract.ts";
import type { Logger } from "../log.ts";
import { names } from "../names.ts";
import { looksAllowed } from "../retry/topology.ts";
import type { Clock } from "../time.ts";
import type { Queue, Transport } from "../transport.ts";
import { alone } from "./lock.ts";
import { lookThrough } from "./look.ts";

const servicesQueue: Queue = {
  name: names.services,
  type: "quorum",
  lifetime: "durable",
  deliveryLimit: looksAllowed,
};

/**
 * Notes the names of services that start for the first time, before their queues are declared: AMQP lists no queues, so
 * tools look here. A name may be noted twice, by two first instances at once. Where the broker takes no messages now, as
 * during an alarm, the service starts without: tools can still be given its name.
 * @throws Fault UNAVAILABLE when no broker answers in time
 */
export async function noteServices(
  transport: Transport,
  services: readonly string[],
  log: Logger,
): Promise<void> {
  if (services.length === 0) return;
  const [noted, ...dead] = await Promise.all(
    [names.services, ...services.map(names.dead)].map((queue) => transport.inspect(queue)),
  );
  const fresh = noted === undefined ? services : services.filter((_, index) => dead[index] === undefined);
  if (fresh.length === 0) return;
  await transport.declare({ queues: [servicesQueue] });
  await Promise.all(
    fresh.map((service) =>
      transport.publish({
        exchange: "",
        key: names.services,
        body: json.encode({ service }),
        contentType: json.contentType,
        type: "warren.service",
        persistent: true,
        mandatory: true,
      }),
    ),
  ).catch((err) =>
    log.warn(
      { err, services: fresh },
      "new services could not be noted; dead-letters needs --service for them",
    ),
  );
}

/** More services than anybody runs, as each may be there more than once. */
const limits = { letters: 10_000, bytes: 2 ** 24 };

/** The names of all services that ever started, sorted. */
export async function notedServices(transport: Transport, clock: Clock, waitMs: number): Promise<string[]> {
  if ((await transport.inspect(names.services)) === undefined) return [];
  const queue = { name: "warren.services", queue: names.services };
  return alone(transport, clock, queue, waitMs, async () => {
    const found = new Set<string>();
    const look = await lookThrough(transport, clock, names.services, limits, undefined, ({ body }) => {
      const name = nameIn(body);
      if (name !== undefined) found.add(name);
      return undefined;
    });
    await look.end();
    return [...found].sort();
  });
}

/** The same without those that were retired: their queues are deleted. */
export async function presentServices(transport: Transport, clock: Clock, waitMs: number): Promise<string[]> {
  const noted = await notedServices(transport, clock, waitMs);
  // A queue that cannot be asked for now, as its node is down, is there.
  const isThere = await Promise.all(
    noted.map((name) =>
      transport.inspect(names.dead(name)).then(
        (state) => state !== undefined,
        () => true,
      ),
    ),
  );
  return noted.filter((_, index) => isThere[index]);
}

function nameIn(body: Uint8Array): string | undefined {
  try {
    // A name that no service can have would make a queue's name that the broker refuses, and looking would fail for all.
    const { service } = json.decode(body) as { service?: unknown };
    return typeof service === "string" && isServiceName(service) ? service : undefined;
  } catch {
    // Somebody else's message; it names nothing.
    return undefined;
  }
}
