import type { AnyContract, Saga, Service } from "warren";
import type { As } from "./as.ts";
import type { Partners } from "./partner.ts";
import type { Place } from "./store/open.ts";

/** What a service is opened with. */
export interface PartOptions {
  readonly as: As;
  readonly place: Place;
  readonly partners: Partners;
}

/** A service with its database open, and the sagas that run where it runs. */
export interface OpenPart {
  readonly service: Service;
  readonly sagas?: readonly Saga[];
}

/** A service of the system: what everybody may know of it, and how to open it. */
export interface Part {
  readonly contract: AnyContract;
  readonly open: (options: PartOptions) => Promise<OpenPart>;
}
