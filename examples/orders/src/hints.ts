import type { As } from "./as.ts";

/** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
export function hints(url: string, as: As, command: string): string {
  const other = as === "choreography" ? "saga" : "choreography";
  const order = (desc: string, more: string): string =>
    `curl ${url}/order -H 'content-type: application/json' -d '{"date":"2026-07-01","type":"online","desc":"${desc}","status":"open"${more}}'`;
  return `
# An order of something that is on the shelf: reserved, then shipped
${order("A lamp", "")}

# Of something that has to come from the depot first
${order("Three desks", ',"sku":"desk","quantity":3')}

# Of something that is nowhere, and of something that no carrier takes: cancelled, and put back
${order("A clock", ',"sku":"clock"')}
${order("A piano", ',"sku":"piano"')}

# What became of them, and what the customers were told
curl ${url}/order
curl ${url}/letters

# The piano is on its shelf again
curl ${url}/inventory/piano

# Everything that is wrong with an order, in one answer
curl ${url}/order -H 'content-type: application/json' -d '{"type":"phone"}'

# The same with the process described in ${other === "saga" ? "one place" : "every service"}
${command} -- --as ${other}
`;
}
