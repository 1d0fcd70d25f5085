import type { Place } from "warren-example-host";
import type { As } from "./as.ts";
import type { Partners } from "./partner.ts";

/** What the services are opened with. */
export interface OrdersSystemOptions {
  readonly as: As;
  readonly place: Place;
  readonly partners: Partners;
}
