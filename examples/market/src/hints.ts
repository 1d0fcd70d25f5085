import { relative, resolve } from "node:path";

/** What the commands to try speak of. */
export interface HintsAbout {
  readonly url: string;
  /** A token of the user whose the first items are. */
  readonly demoToken: string;
  /** An item that can be bought; `undefined` where none is known. */
  readonly itemId: number | undefined;
  readonly dataDir: string;
}

/** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
export function hints({ url, demoToken, itemId, dataDir }: HintsAbout): string {
  const folder = quoted(relative("", resolve(dataDir)) || ".");
  const buy =
    itemId === undefined
      ? `# Buy one: put the id of one that is not sold in the place of ID\n  curl -X POST ${url}/market/buy/ID`
      : `# Buy one; the second time it is gone\n  curl -X POST ${url}/market/buy/${itemId}`;
  return `
  # What is on offer
  curl ${url}/market/items

  # Listen as the seller of the first items, who is told of each sale (in a second terminal)
  TOKEN=${demoToken}
  curl -N -H "authorization: Bearer $TOKEN" ${url}/push

  ${buy}

  # What the seller was told, also while not listening (TOKEN as above)
  curl -H "authorization: Bearer $TOKEN" ${url}/notifications

  # Sign up and keep your own token (the next time: /accounts/login), then offer something with it
  TOKEN=$(curl -s ${url}/accounts -d name=ann -d "password=correct horse battery" |
    sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
  curl ${url}/market/items -H "authorization: Bearer $TOKEN" -d title=Kite -d priceCents=900

  # Listen by WebSocket (npx fetches wscat): type {"event":"authorize","data":{"token":"…"}} with what echo $TOKEN says
  npx wscat -c ${url.replace("http", "ws")}/push

  # The services' routes, in a browser (those of /accounts are written by hand and not among them)
  ${url}/docs

  # What was offered and sold is kept in ${folder}. Start anew without it, when the market has ended
  rm -r ${folder}
`;
}

/** As a POSIX shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w./][\w./-]*$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
