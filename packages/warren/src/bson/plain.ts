import { DBRef, Decimal128, ObjectId } from "bson";

/** A value as read, with the objects of the library made plain: what other senders may put into BSON has no type of its own here. */
export function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ObjectId) return value.toHexString();
  if (value instanceof Decimal128) return value.toString();
  // An object of somebody's that merely has both keys.
  if (value instanceof DBRef) return plain(referenceOf(value));
  if (Array.isArray(value)) return value.map(plain);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

function referenceOf({ collection, oid, db, fields }: DBRef): object {
  return { $ref: collection, $id: oid, ...(db !== undefined && { $db: db }), ...fields };
}
