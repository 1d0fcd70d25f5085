import { join } from "node:path";
import type { Place } from "warren-example-host";
import type { As } from "./as.ts";

/**
 * Where a system keeps all it knows. What one way has begun, the other does not know of, and shelves in PostgreSQL are not
 * filled from a depot that delivered to others in SQLite: so each way has its own data, on databases of each kind.
 */
export function placeOf(asked: {
  readonly as: As;
  readonly dataDir: string;
  readonly databaseUrl?: string | undefined;
}): Place {
  const { as, databaseUrl } = asked;
  const folder = databaseUrl === undefined ? as : `${as}-postgres`;
  return { dataDir: join(asked.dataDir, folder), databaseUrl, schemaSuffix: as };
}
