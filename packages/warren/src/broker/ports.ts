import { firstFreePort, isPortFree } from "../machine/ports.ts";

/** Where the first private broker listens; RabbitMQ's own port is left to the machine's own. */
export const firstPort = 5673;

/**
 * A port for each of the `missing` nodes: the ones from `wanted` upwards, which must be free, else the first free ones.
 * Nodes of a cluster that partly runs (`kept`) have their former ports again where they can.
 */
export async function choosePorts(
  missing: readonly number[],
  wanted: number | undefined,
  kept: readonly { readonly index: number; readonly port: number }[] = [],
): Promise<Map<number, number>> {
  const ports = new Map<number, number>();
  const taken = new Set(kept.map(({ port }) => port));
  for (const index of missing) {
    const former = kept.find((node) => node.index === index)?.port;
    if (former !== undefined && (await isPortFree(former))) ports.set(index, former);
    else if (wanted === undefined || kept.length > 0) ports.set(index, await firstFreePort(firstPort, taken));
    else if (await isPortFree(wanted + index - 1)) ports.set(index, wanted + index - 1);
    else
      throw new Error(
        `Port ${wanted + index - 1} on 127.0.0.1 is in use by another program. Name another with --port, or none to get a free one.`,
      );
    taken.add(ports.get(index)!);
  }
  return ports;
}
