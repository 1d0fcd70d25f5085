import { hostname } from "node:os";
import { json } from "../codec/json.ts";
import { isServiceName } from "../contract/contract.ts";
import type { Incoming, Outgoing } from "../message.ts";
import { names } from "../names.ts";
import type { InstanceLoad } from "./instance.ts";

export const types = {
  presence: "warren.presence",
  question: "warren.who",
  probe: "warren.probe",
  gone: "warren.gone",
} as const;

/** What a process says of itself. */
export interface Presence {
  readonly said: "joined" | "here" | "leaving" | "left";
  readonly instance: string;
  readonly version?: string | undefined;
  readonly host: string;
  readonly pid: number;
  readonly since: number;
  readonly load?: InstanceLoad | undefined;
  readonly services: readonly { readonly name: string; readonly fingerprint: string }[];
}

/** One instance that a listener found gone, said to the others. */
export interface Gone {
  readonly service: string;
  readonly instance: string;
}

export const thisHost: string = hostname().slice(0, 200);

const plain = { exchange: names.directory, key: "", persistent: false, mandatory: false } as const;

export function presenceMessage(presence: Presence, to?: string): Outgoing {
  const where = to === undefined ? plain : { ...plain, exchange: "", key: to };
  return { ...where, type: types.presence, contentType: json.contentType, body: json.encode(presence) };
}

export function goneMessage(gone: Gone): Outgoing {
  return { ...plain, type: types.gone, contentType: json.contentType, body: json.encode(gone) };
}

const nothing = new Uint8Array(0);

/** To every process, or to those that run one service. Nobody needs it who is not there now. */
export function questionMessage(replyTo: string, service: string = names.everyProcess): Outgoing {
  const to = { exchange: names.instanceExchange, key: service, persistent: false, mandatory: false };
  return { ...to, type: types.question, replyTo, body: nothing, expirationMs: 60_000 };
}

/** Reaches the queue of an instance or comes back: the broker's word, whatever the instance is busy with. */
export function probeMessage({ service, instance }: Gone): Outgoing {
  const to = { exchange: "", key: names.instance(service, instance), persistent: false, mandatory: true };
  return { ...to, type: types.probe, body: nothing, expirationMs: 0 };
}

const sayings = ["joined", "here", "leaving", "left"] as const;
const maxBytes = 256 * 1_024;
const maxServices = 1_000;

/** What a message says, where it is one; `undefined` for whatever else somebody sent. */
export function presenceIn({ body }: Incoming): Presence | undefined {
  const said = parsed(body) as Partial<Presence> | undefined;
  if (said === undefined || !isOneOf(said.said, sayings)) return undefined;
  const { instance, version, host, pid, since, services } = said;
  const isSaid = isId(instance) && isText(host, 255) && isCount(pid) && isCount(since);
  if (!isSaid || (version !== undefined && !isText(version, 200))) return undefined;
  if (!Array.isArray(services) || services.length > maxServices || !services.every(isService))
    return undefined;
  return {
    said: said.said,
    ...{ instance, version, host, pid, since, load: loadIn(said.load) },
    services: services.map(({ name, fingerprint }) => ({ name, fingerprint })),
  };
}

export function goneIn({ body }: Incoming): Gone | undefined {
  const { service, instance } = (parsed(body) ?? {}) as Partial<Gone>;
  return typeof service === "string" && isServiceName(service) && isId(instance)
    ? { service, instance }
    : undefined;
}

function parsed(body: Uint8Array): object | undefined {
  if (body.length > maxBytes) return undefined;
  try {
    const value = json.decode(body);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isOneOf<T extends string>(value: unknown, all: readonly T[]): value is T {
  return all.includes(value as T);
}

/** What can be part of the name of a queue. */
function isId(value: unknown): value is string {
  return typeof value === "string" && /^[a-zA-Z0-9_-]{1,100}$/.test(value);
}

function isText(value: unknown, most: number): value is string {
  return typeof value === "string" && value.length <= most;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isService(value: unknown): boolean {
  const { name, fingerprint } = (value ?? {}) as Record<string, unknown>;
  const isHash = typeof fingerprint === "string" && /^[0-9a-f]{1,64}$/.test(fingerprint);
  return isHash && typeof name === "string" && isServiceName(name);
}

function loadIn(value: unknown): InstanceLoad | undefined {
  const { handlers, eventLoop } = (value ?? {}) as Partial<InstanceLoad>;
  const isPart = typeof eventLoop === "number" && eventLoop >= 0 && eventLoop <= 1;
  return isCount(handlers) && isPart ? { handlers, eventLoop } : undefined;
}
