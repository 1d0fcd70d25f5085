import { setTimeout as sleep } from "node:timers/promises";
import { atom } from "./erlang.ts";
import type { FaultNode } from "./node.ts";

/**
 * Cuts the nodes into groups that do not reach each other, both ways; clients and the control node reach all of them
 * still. No rights and no firewall are needed: Erlang nodes refuse each other by a wrong cookie.
 */
export async function partition(
  nodes: readonly FaultNode[],
  groups: readonly (readonly number[])[],
): Promise<void> {
  const groupOf = (node: FaultNode): number => groups.findIndex((group) => group.includes(node.index));
  const lost = nodes.filter((node) => groupOf(node) === -1);
  if (lost.length > 0) throw new Error(`No group has node ${lost.map(({ index }) => index).join(", ")}.`);
  const live = nodes.filter(({ state }) => state === "running");
  // All refuse before the first link is cut: a node that is cut off connects again at once.
  const each = async (act: (others: string) => string): Promise<void> => {
    await Promise.all(
      live.map((node) => {
        const others = nodes
          .filter((other) => groupOf(other) !== groupOf(node))
          .map(({ name }) => atom(name));
        return node.evaluate(act(`[${others.join(", ")}]`));
      }),
    );
  };
  await each((others) => `[erlang:set_cookie(Node, cut_off_by_faults) || Node <- ${others}]`);
  await each((others) => `[erlang:disconnect_node(Node) || Node <- ${others}]`);
}

/** Lets all running nodes reach each other again, and resolves when RabbitMQ runs on every one of them. */
export async function heal(nodes: readonly FaultNode[], timeoutMs = 60_000): Promise<void> {
  const live = nodes.filter(({ state }) => state === "running");
  const names = `[${nodes.map(({ name }) => atom(name)).join(", ")}]`;
  const each = (expression: string): Promise<string[]> =>
    Promise.all(live.map((node) => node.evaluate(expression, 10_000)));
  await each(`[erlang:set_cookie(Node, erlang:get_cookie()) || Node <- ${names}, Node =/= node()]`);
  await each(`[net_kernel:connect_node(Node) || Node <- ${names}, Node =/= node()]`);
  const deadline = Date.now() + timeoutMs;
  const isWhole = `rabbit:is_running() andalso length(rabbit_nodes:all_running()) =:= ${live.length}`;
  while (!(await each(isWhole)).every((answer) => answer === "true")) {
    if (Date.now() > deadline)
      throw new Error(`The cluster is not whole again ${timeoutMs / 1000} s after its partition was healed.`);
    await sleep(50);
  }
}
