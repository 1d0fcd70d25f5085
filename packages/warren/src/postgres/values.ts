import pg, { type CustomTypesConfig } from "pg";

/** As PostgreSQL numbers its types. */
const bytea = 17;
const int8 = 20;
const numeric = 1700;

/**
 * How values come back: as in SQLite where both have the type. Handed along with each statement, so that what the
 * application has set for `pg` itself stays as it is.
 */
export const types: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (format !== "binary") {
      if (oid === int8) return wholeNumber;
      if (oid === numeric) return sum;
      if (oid === bytea) return bytes;
    }
    return pg.types.getTypeParser(oid, format as "text");
  }) as CustomTypesConfig["getTypeParser"],
};

/** @throws RangeError rather than to return another number than the one that is stored */
function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${text} is beyond the whole numbers that JavaScript has; select it as text.`);
}

/** What `sum` makes of whole numbers is one; what has places behind the point stays text, which loses none of them. */
function sum(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) && String(value) === text ? value : text;
}

function bytes(text: string): Uint8Array {
  const buffer = Buffer.from(text.slice(2), "hex");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
