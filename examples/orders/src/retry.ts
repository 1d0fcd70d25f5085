import type { RetryPolicy } from "warren";

/** Of what may fail: a customer waits, so some seconds are tried, not some minutes, before an order is given up. */
export const soon: RetryPolicy = { attempts: 4, baseMs: 100, capMs: 1_000 };

/** Of what has happened already and only has to be noted: there is no way back from it, so it is tried for hours. */
export const patiently: RetryPolicy = { attempts: 200, baseMs: 100, capMs: 60_000 };
