import { type Event, type Service } from "warren";
import { marketService } from "./market/service.ts";
import { notifications } from "./notifications/contract.ts";
import { notificationsService } from "./notifications/service.ts";

// What `npx warren map` and `npx warren docs` look at. The services are not run, so what only their handlers need is left out.
const notNeeded = undefined as never;

export const services: readonly Service[] = [marketService(notNeeded), notificationsService(notNeeded)];

/** Pushed by the gateway. */
export const heard: readonly Event[] = [notifications.events.posted];
