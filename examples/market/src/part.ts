import type { AnyContract, Service } from "warren";

/** A service of the system: what everybody may know of it, and how to open it with its data. */
export interface Part {
  readonly contract: AnyContract;
  readonly open: (dataDir: string) => Promise<OpenPart>;
}

export interface OpenPart {
  readonly service: Service;
  readonly close: () => Promise<void>;
}
