/** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
export function hints(url: string, demoToken: string): string {
  return `
  # What is on offer
  curl ${url}/market/items

  # Listen as the seller of the first items, who is told of each sale (in a second terminal)
  TOKEN=${demoToken}
  curl -N -H "authorization: Bearer $TOKEN" ${url}/push

  # Buy one; the second time it is gone
  curl -X POST ${url}/market/buy/1

  # What the seller was told, also while not listening (TOKEN as above)
  curl -H "authorization: Bearer $TOKEN" ${url}/notifications

  # Sign up, which answers with a token of your own, and offer something with it
  curl ${url}/accounts -d name=ann -d "password=correct horse battery"
  curl ${url}/market/items -H "authorization: Bearer $TOKEN" -d title=Kite -d priceCents=900

  # The same by WebSocket: type {"event":"authorize","data":{"token":"…"}}
  npx wscat -c ${url.replace("http", "ws")}/push

  # The services' routes, in a browser
  ${url}/docs
`;
}
