import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type NodeStatus, nodeDown, nodeUp } from "warren/broker";
import type { Control } from "./control.ts";

/** One RabbitMQ node, and what can be done to it. */
export interface FaultNode {
  /** From 1. */
  readonly index: number;
  /** As Erlang names it, `warren-…@localhost`. */
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** Holds its data and logs. */
  readonly folder: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** What was done to its process last. `running` includes one whose application was stopped. */
  readonly state: "running" | "paused" | "ended";
  /** Ends it by SIGKILL, also when it is paused. Resolves when its process is gone. */
  kill(): Promise<void>;
  /** Asks it to end, as a deployment does, and resolves when its process is gone. */
  stopGracefully(): Promise<void>;
  /** Starts it after `kill` or `stopGracefully`, on the same port, and resolves when it answers there. */
  restart(): Promise<Restarted>;
  /**
   * Freezes its process (SIGSTOP): sockets stay open, nothing answers. In a cluster the others give it up after some
   * 5 s; after a pause that was as long, `heal` is needed.
   */
  pause(): void;
  resume(): void;
  /** Stops RabbitMQ and leaves Erlang running: connections end in order, the port closes. */
  stopApp(): Promise<void>;
  /** Starts it again and resolves when its port is open. */
  startApp(): Promise<Restarted>;
  /** Blocks publishing in the whole cluster until it is switched off again. Resolves when the alarm is set or gone. */
  memoryAlarm(on: boolean): Promise<void>;
  /** The same for the other alarm. */
  diskAlarm(on: boolean): Promise<void>;
  /** Evaluates an Erlang expression there, see `Control.evaluate`. */
  evaluate(expression: string, timeoutMs?: number): Promise<string>;
}

export interface Restarted {
  /** When its port accepted a connection for the first time, in milliseconds since the Unix epoch. */
  readonly portOpenedAtMs: number;
}

/** The slowest start seen on a loaded machine takes a third of this. */
const startWithinMs = 90_000;

export function faultNode(dataDir: string, status: NodeStatus, control: Control): FaultNode {
  const { index, name, port, url, folder } = status;
  let pid = status.pid!;
  let state: FaultNode["state"] = "running";
  const evaluate: FaultNode["evaluate"] = (expression, timeoutMs) =>
    control.evaluate(name, expression, timeoutMs);
  const end = async (kill: boolean): Promise<void> => {
    if (state === "paused" && !kill) throw new Error(`${name} is paused and cannot end in order; resume it.`);
    await nodeDown(dataDir, index, { kill });
    state = "ended";
  };
  return {
    ...{ index, name, port, url, folder, evaluate },
    get pid() {
      return pid;
    },
    get state() {
      return state;
    },
    kill: () => end(true),
    stopGracefully: () => end(false),
    async restart() {
      const portOpenedAtMs = await opening(port, async () => {
        pid = await nodeUp(dataDir, index);
      });
      state = "running";
      return { portOpenedAtMs };
    },
    pause() {
      if (state !== "running") throw new Error(`${name} does not run (${state}), so it cannot be paused.`);
      process.kill(pid, "SIGSTOP");
      state = "paused";
    },
    resume() {
      if (state !== "paused") throw new Error(`${name} is not paused (${state}).`);
      process.kill(pid, "SIGCONT");
      state = "running";
    },
    async stopApp() {
      await evaluate("rabbit:stop()", startWithinMs);
    },
    async startApp() {
      const start = async (): Promise<void> => void (await evaluate("ok = rabbit:start()", startWithinMs));
      return { portOpenedAtMs: await opening(port, start) };
    },
    memoryAlarm: (on) =>
      alarm(
        evaluate,
        "memory",
        on,
        `vm_memory_monitor:set_vm_memory_high_watermark(${on ? "1.0e-6" : "0.4"})`,
      ),
    diskAlarm: (on) =>
      alarm(evaluate, "disk", on, `rabbit_disk_monitor:set_disk_free_limit(${on ? "1 bsl 60" : "50000000"})`),
  };
}

/** Sets or clears by the limit itself, as it happens in life, and waits until every node has heard of it. */
async function alarm(
  evaluate: FaultNode["evaluate"],
  kind: "memory" | "disk",
  on: boolean,
  setLimit: string,
): Promise<void> {
  await evaluate(setLimit);
  const isSet = `lists:any(fun({{resource_limit, ${kind}, Node}, _}) -> Node =:= node(); (_) -> false end, rabbit_alarm:get_alarms())`;
  for (let attempt = 0; attempt < 250; attempt++) {
    if ((await evaluate(isSet)) === String(on)) return;
    await sleep(20);
  }
  throw new Error(`The ${kind} alarm did not go ${on ? "on" : "off"} within 5 s.`);
}

/** Runs `start`, and tells when the port accepted a connection for the first time meanwhile. */
async function opening(port: number, start: () => Promise<void>): Promise<number> {
  let done = false;
  const opened = (async (): Promise<number | undefined> => {
    while (!done) {
      if (await accepts(port)) return Date.now();
      await sleep(5);
    }
    return undefined;
  })();
  try {
    await start();
  } finally {
    done = true;
  }
  // Between the last two looks: it answers now.
  return (await opened) ?? Date.now();
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const finish = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });
}
