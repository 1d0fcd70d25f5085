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
  const tell = async (act: (others: string) => string): Promise<void> => {
    await Promise.all(
      live.map((node) => {
        const others = nodes
          .filter((other) => groupOf(other) !== groupOf(node))
          .map(({ name }) => atom(name));
        return node.evaluate(act(`[${others.join(", ")}]`));
      }),
    );
  };
  // One of its own for each: two that had the same wrong cookie would agree.
  const wrong = `list_to_atom("cut_off_from_" ++ atom_to_list(node()))`;
  await tell((others) => `[erlang:set_cookie(Node, ${wrong}) || Node <- ${others}]`);
  await tell((others) => `[erlang:disconnect_node(Node) || Node <- ${others}]`);
}

/** After this long, a node that is still apart will not come back by itself. */
const patienceMs = 10_000;

/**
 * Lets all running nodes reach each other again, and resolves when RabbitMQ runs on every one of them and they agree
 * on it. Nodes that were apart without having noticed (paused for some seconds, say) stay apart until an operator
 * restarts RabbitMQ on the smaller part; the result names those for which that was done.
 */
export async function heal(nodes: readonly FaultNode[], timeoutMs = 90_000): Promise<readonly FaultNode[]> {
  const live = nodes.filter(({ state }) => state === "running");
  const names = `[${nodes.map(({ name }) => atom(name)).join(", ")}]`;
  await each(live, `[erlang:set_cookie(Node, erlang:get_cookie()) || Node <- ${names}, Node =/= node()]`);
  await each(live, `[net_kernel:connect_node(Node) || Node <- ${names}, Node =/= node()]`);
  const deadline = Date.now() + timeoutMs;
  if (await becomesWhole(live, Math.min(patienceMs, timeoutMs))) return [];
  const restarted = await restartApart(live);
  if (await becomesWhole(live, deadline - Date.now())) return restarted;
  throw new Error(
    `The cluster is not whole again ${timeoutMs / 1000} s after its partition was healed: ${await views(live)}`,
  );
}

function each(nodes: readonly FaultNode[], expression: string): Promise<string[]> {
  return Promise.all(nodes.map((node) => node.evaluate(expression, 10_000)));
}

/** How many nodes each one takes for running, itself included; 0 while it does not run itself. */
const view = "case rabbit:is_running() of true -> length(rabbit_nodes:all_running()); false -> 0 end";

async function views(live: readonly FaultNode[]): Promise<string> {
  const seen = await each(live, view);
  return live.map(({ index }, at) => `node ${index} sees ${seen[at]} of ${live.length}`).join(", ");
}

async function becomesWhole(live: readonly FaultNode[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (!(await each(live, view)).every((count) => Number(count) === live.length)) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/** Restarts RabbitMQ on the nodes that see the fewest others, unless all see as many: then on all but the first. */
async function restartApart(live: readonly FaultNode[]): Promise<readonly FaultNode[]> {
  const seen = (await each(live, view)).map(Number);
  const most = Math.max(...seen);
  const fewer = live.filter((_, at) => seen[at]! < most);
  const apart = fewer.length > 0 ? fewer : live.slice(1);
  for (const node of apart) {
    await node.stopApp();
    await node.startApp();
  }
  return apart;
}
