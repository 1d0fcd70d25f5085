import { openTables, type Place } from "warren-example-host";
import { assortment } from "../../src/assortment.ts";

/** What the databases of all services say, taken together. */
export interface Balance {
  readonly orders: number;
  readonly shipped: number;
  readonly cancelled: number;
  /** What is wrong, in words; empty where everything adds up. */
  readonly problems: readonly string[];
}

type Rows = readonly Readonly<Record<string, any>>[];

interface Books {
  readonly orders: Rows;
  readonly shelves: Rows;
  readonly lines: Rows;
  readonly depot: Rows;
  readonly shipments: Rows;
  readonly letters: Rows;
  readonly unsent: number;
}

/** Compares the books of all services. Says the same at any time once nothing is under way any more. */
export async function balance(place: Place, ids: readonly string[]): Promise<Balance> {
  const books = await read(place);
  const problems = [...totals(books), ...ends(books, ids)];
  if (books.unsent > 0) problems.push(`${books.unsent} messages are still in an outbox`);
  const count = (progress: string): number => books.orders.filter((row) => row.progress === progress).length;
  return { orders: books.orders.length, shipped: count("shipped"), cancelled: count("cancelled"), problems };
}

/** Depot, shelf, reserved and shipped together are what the system began with: goods neither vanish nor appear. */
function totals({ shelves, depot, shipments }: Books): string[] {
  return assortment.flatMap(({ sku, onHand, depot: atFirst }) => {
    const shelf = shelves.find((row) => row.sku === sku)!;
    const left = depot.find((row) => row.sku === sku)!.quantity;
    const shipped = shipments
      .filter((row) => row.sku === sku)
      .reduce((sum, row) => sum + Number(row.quantity), 0);
    const now = left + shelf.on_hand + shelf.reserved + shipped;
    const problems = shelf.reserved === 0 ? [] : [`${shelf.reserved} × ${sku} are still reserved`];
    if (now !== onHand + atFirst)
      problems.push(
        `of ${onHand + atFirst} × ${sku} there are ${now}: ${left} in the depot, ${shelf.on_hand} on the shelf, ${shelf.reserved} reserved, ${shipped} shipped`,
      );
    return problems;
  });
}

/** Each order that was answered is there and has one end, of which all services know the same. */
function ends({ orders, lines, shipments, letters }: Books, ids: readonly string[]): string[] {
  const parcels = idsOf(shipments.filter((row) => Number(row.quantity) > 0));
  const told = idsOf(letters);
  const states = new Map(lines.map((row) => [row.order_id as string, row.state as string]));
  const known = new Set(orders.map((row) => row.id as string));
  const lost = ids.filter((id) => !known.has(id));
  return [
    ...(new Set(ids).size === ids.length ? [] : ["two orders were answered with the same id"]),
    ...(lost.length === 0 ? [] : [`${lost.length} orders were answered and are not there`]),
    ...(known.size === ids.length ? [] : [`there are ${known.size} orders, and ${ids.length} were answered`]),
    ...orders.flatMap(({ id, sku, progress }) => {
      const [parcel, letter, line] = [parcels.has(id), told.has(id), states.get(id)];
      const isWhole =
        progress === "shipped"
          ? parcel && !letter && line === "shipped"
          : progress === "cancelled" && !parcel && letter && (line === undefined || line === "released");
      return isWhole
        ? []
        : [`${sku} of order ${id}: ${progress}, in inventory ${line}, parcel: ${parcel}, letter: ${letter}`];
    }),
  ];
}

function idsOf(rows: Rows): ReadonlySet<string> {
  return new Set(rows.map((row) => row.order_id as string));
}

async function read(place: Place): Promise<Books> {
  let unsent = 0;
  const books = async (
    name: string,
    prefers: "postgres" | "sqlite",
    ...tables: string[]
  ): Promise<Rows[]> => {
    const store = await openTables<never>(place, { name, prefers, schema: [] });
    const { rows } = await store.query<{ n: number }>("select count(*) as n from warren_outbox");
    unsent += Number(rows[0]!.n);
    const read: Rows[] = [];
    for (const table of tables) read.push((await store.query(`select * from ${table}`)).rows);
    await store.close();
    return read;
  };
  const [orders] = await books("orders", "postgres", "orders");
  const [shelves, lines] = await books("inventory", "postgres", "shelves", "lines");
  const [depot] = await books("stock", "sqlite", "depot");
  const [shipments] = await books("shipping", "sqlite", "shipments");
  const [letters] = await books("letters", "sqlite", "letters");
  return {
    orders: orders!,
    shelves: shelves!,
    lines: lines!,
    depot: depot!,
    shipments: shipments!,
    letters: letters!,
    unsent,
  };
}
