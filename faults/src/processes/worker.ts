import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { app, contract, Fault, runUntilSignal, service } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { journal } from "../history/journal.ts";
import { watchMemory } from "./memory.ts";
import { checksum, desk, idOf, type Kind, ledger, type Moved, workerName } from "./message.ts";
import { processLog } from "./process-log.ts";
import { settings, type WorkerSettings } from "./settings.ts";

// A process that has the effects of what is published, and answers calls. What it does with a message, the message says.

const given = settings<WorkerSettings>();
const { who, folder, run } = given;
const history = journal(folder, who);
const log = processLog(folder, who);
const callMs = 20;
/** Longer than two heartbeats of a second: the broker has given it up by then. */
const blockedSeconds = 3;

async function react(message: Moved, attempt: number): Promise<void> {
  const id = idOf(message);
  history.write({ is: "delivered", who, id, attempt });
  await behave(message.kind as Kind, id, attempt);
  history.write({ is: "effect", who, id, sum: checksum(message) });
  if (message.kind === "killing-after" && isFirstTime(id)) die();
}

async function behave(kind: Kind, id: string, attempt: number): Promise<void> {
  switch (kind) {
    case "ok":
    case "killing-after":
      return;
    case "slow":
      return pause(given.slowMs);
    case "flaky":
      if (attempt <= 2) throw new Error("this one fails twice");
      return;
    case "failing":
      throw new Error("this one fails always");
    case "refused":
      throw new Fault("NOT_NOW", undefined, { message: "this one is refused" });
    case "hanging":
      return new Promise(() => {});
    case "killing-before":
      if (isFirstTime(id)) die();
      return;
    case "killing-retry":
      if (!isFirstTime(id)) return;
      // Somewhere between the publish of the retry, its confirmation and the acknowledgement.
      setTimeout(die, id.length % 4);
      throw new Error("this one fails once");
    case "deadly":
      return die();
    case "blocking":
      return block();
  }
}

/** Whether no process of this run has been here with it; the mark outlives the process. */
function isFirstTime(id: string): boolean {
  try {
    writeFileSync(join(folder, `killed-${id.replaceAll(":", "-")}`), "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

function die(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal ends the process at once; nothing here is ever reached.
  for (;;);
}

/** Answers nothing any more, no heartbeat either, until it is killed, as a supervisor that probes it would do. */
function block(): never {
  spawn("sh", ["-c", `sleep ${blockedSeconds}; kill -9 ${process.pid}`], { stdio: "ignore", detached: true });
  for (;;);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

const working = app({
  transport: rabbitmq({ urls: given.urls, name: who, log, heartbeatSeconds: given.heartbeatSeconds }),
  services: [
    service(contract(workerName(run), {}), {
      uses: { ledger: ledger(run) },
      methods: {},
      concurrency: given.prefetch,
      on: {
        [`ledger-${run}.moved`]: {
          run: (message: Moved, { attempt }: { attempt: number }) => react(message, attempt),
          ...(given.inOrder ? { inOrder: ({ key }: Moved) => key } : {}),
          retry: given.retry,
          timeoutMs: given.timeoutMs,
        },
      } as object,
    }),
    service(desk(run), {
      methods: {
        async serve({ id }) {
          history.write({ is: "ran", id, who });
          await pause(callMs);
          return { id };
        },
      },
    }),
  ],
  log,
});

void runUntilSignal(working);
// Whoever started it is gone, and nobody will ever end it.
process.on("disconnect", () => process.exit(1));
await working.start();
watchMemory(history, who, "worker");
history.write({ is: "up", who, role: "worker" });
process.send?.("up");
