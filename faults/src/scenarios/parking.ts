import type { GetMessage } from "amqplib";
import { names } from "warren";
import type { Journal } from "../history/journal.ts";
import type { Nodes } from "../nodes/index.ts";
import { desk, idOf, ledger, type Moved, workerName } from "../processes/message.ts";
import type { Admin } from "./admin.ts";

/** What is still in a queue though everything is over, by queue. */
export async function leftover(
  admin: Admin,
  run: string,
  nodes: Nodes | undefined,
): Promise<Readonly<Record<string, number>>> {
  // Exclusive queues cannot be looked into by anybody else; what is in them is their process's own affair.
  const shared =
    nodes === undefined ? [] : (await nodes.queueNames(run)).filter((name) => isShared.test(name));
  const queues = [...ownQueues(run), ...shared];
  const left: Record<string, number> = {};
  for (const queue of queues) {
    const ready = await admin.ready(queue);
    if (ready !== undefined && ready > 0) left[queue] = ready;
  }
  return left;
}

/** Takes the messages of a run from where they wait for people, and writes them down. */
export async function park(admin: Admin, history: Journal, run: string): Promise<void> {
  const worker = workerName(run);
  for (const where of [names.dead(worker), names.unheard, names.unrouted]) {
    await admin.take(
      where,
      (message) => isOf(message, run),
      (message) => {
        const reason = String(message.properties.headers?.["warren-reason"] ?? "");
        history.write({ is: "parked", id: idIn(message), where, reason });
      },
    );
  }
}

export async function deleteQueues(admin: Admin, run: string): Promise<void> {
  await admin.use(async (channel) => {
    for (const queue of ownQueues(run)) await channel.deleteQueue(queue);
  });
}

const isShared = /^warren\.(delay\..+|unrouted|unheard)$/;

function ownQueues(run: string): string[] {
  return [workerName(run), desk(run).name].flatMap((service) => [
    names.requests(service),
    names.events(service),
    names.orderedEvents(service),
    names.quarantine(service),
    names.dead(service),
  ]);
}

export function vandalName(run: string): string {
  return `vandal-${run}`;
}

function isOf({ properties }: GetMessage, run: string): boolean {
  return (
    properties.type === ledger(run).events.moved.id ||
    String(properties.messageId ?? "").startsWith(`${vandalName(run)}:`)
  );
}

/** A vandal's message says who it is in its id, since nobody can read what is in it. */
function idIn({ properties, content }: GetMessage): string {
  const { messageId } = properties;
  if (typeof messageId === "string" && messageId.startsWith("vandal-")) return messageId;
  return idOf(JSON.parse(content.toString("utf8")) as Moved);
}
