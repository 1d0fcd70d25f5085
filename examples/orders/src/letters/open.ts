import { type OpenPart, openTables } from "warren-example-host";
import type { OrdersSystemOptions } from "../options.ts";
import { type LettersTables, lettersSchema } from "./outgoing.ts";
import { lettersService } from "./service.ts";

export async function openLetters({ place }: OrdersSystemOptions): Promise<OpenPart> {
  const store = await openTables<LettersTables>(place, { name: "letters", schema: lettersSchema });
  return { service: lettersService(store) };
}
