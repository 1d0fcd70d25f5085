import type { OpenPart, PartOptions } from "../part.ts";
import { openTables } from "../store/open.ts";
import { type LettersTables, lettersSchema } from "./outgoing.ts";
import { lettersService } from "./service.ts";

export async function openLetters({ place }: PartOptions): Promise<OpenPart> {
  const store = await openTables<LettersTables>(place, { name: "letters", schema: lettersSchema });
  return { service: lettersService(store) };
}
