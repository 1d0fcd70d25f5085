import pg from "pg";

/** @throws TypeError: the driver takes any text for a URL, and looks for a database of that name somewhere */
export function checkUrl(url: string): void {
  if (!/^postgres(ql)?:\/\//i.test(url)) throw unreadable();
}

/** Which database it is, for people, without the password. */
export function placeOf(settings: pg.PoolConfig): string {
  const { host, port, database, user } = clientOf(settings);
  return `${database ?? ""} at ${host}${host.startsWith("/") ? "" : `:${port}`} (user ${user ?? "of the system"})`;
}

function clientOf(settings: pg.PoolConfig): pg.Client {
  try {
    return new pg.Client(settings);
  } catch {
    // What the driver and Node.js say about it quotes it, with the password.
    throw unreadable();
  }
}

function unreadable(): TypeError {
  return new TypeError(
    "The URL of the PostgreSQL store cannot be read. It looks like postgres://user:password@host:5432/database, with special characters in the password written as %40 and the like.",
  );
}

/** Node.js says nothing in words where a host has several addresses and none of them answers. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

/** Whether the connection is gone with this error; the driver's own have no code. */
export function isLost(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string")
    return (
      code.startsWith("08") ||
      ["57P01", "57P02", "57P03", "57P05", "25P03", "ECONNRESET", "EPIPE", "ETIMEDOUT"].includes(code)
    );
  // Our own words on a statement quote it, with whatever it says.
  if (error instanceof TypeError) return false;
  return error instanceof Error && /connection (terminated|error)|not queryable/i.test(error.message);
}
