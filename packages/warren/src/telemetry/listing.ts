import type { DirectoryMessage, DirectoryObserver } from "../directory/observer.ts";
import type { Count, Counts } from "./counts.ts";
import { workerOf } from "./labels.ts";

/** What the dashboards of the seed call them: it had a manager that asked, and workers that answered. */
const types: Readonly<Record<DirectoryMessage, string | undefined>> = {
  joined: "worker_registration",
  refreshed: "keepalive_response",
  // One that ends says so twice; that it has ended is what counts.
  leaving: undefined,
  left: "worker_deletion",
  question: "workers_list_request",
  answer: "worker_list_update",
  probe: "keepalive",
  gone: "worker_removal",
};

/** Counts the messages of the directory. @param service whose process says what it is; none for who keeps the list */
export function listingObserver(counts: Counts, service: string | undefined): DirectoryObserver {
  const who = service === undefined ? "system-manager" : workerOf(service);
  const countOf = (direction: "sent" | "received", message: DirectoryMessage): Count | undefined => {
    const type = types[message];
    return type === undefined
      ? undefined
      : counts.of(`microservices_messages_${direction}_total`, { service: who, type });
  };
  const add = (count: Count | undefined): void => {
    if (count !== undefined) count.value++;
  };
  return {
    sent: (message) => add(countOf("sent", message)),
    received: (message) => add(countOf("received", message)),
  };
}
