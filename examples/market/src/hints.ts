/** What the commands to try speak of. */
export interface HintsAbout {
  readonly url: string;
  /** A token of the user whose the first items are; `undefined` where everybody can read it. */
  readonly demoToken: string | undefined;
  /** An item that can be bought; `undefined` where none is known. */
  readonly itemId: number | undefined;
}

/** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
export function hints({ url, demoToken, itemId }: HintsAbout): string {
  const buy =
    itemId === undefined
      ? `# Buy one: put the id of one that is not sold in the place of ID\ncurl -X POST ${url}/market/buy/ID`
      : `# Buy one; the second time it is gone\ncurl -X POST ${url}/market/buy/${itemId}`;
  const token =
    demoToken === undefined
      ? "# (TOKEN is printed in the terminal where this was started)\nTOKEN="
      : `TOKEN=${demoToken}`;
  return `
# What is on offer
curl ${url}/market/items

# Listen as the seller of the first items, who is told of each sale (in a second terminal)
${token}
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
`;
}
