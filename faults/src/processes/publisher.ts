import { app, isFault } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { journal } from "../history/journal.ts";
import { pickByShare, seeded } from "../nemesis/random.ts";
import { watchMemory } from "./memory.ts";
import { checksum, desk, idOf, ledger } from "./message.ts";
import { processLog } from "./process-log.ts";
import { type PublisherSettings, settings } from "./settings.ts";

// A process that publishes, many at a time, and goes on over every failure, until it is told to end or killed.

const tickMs = 10;

const given = settings<PublisherSettings>();
const { who, folder, run } = given;
const history = journal(folder, who);
const log = processLog(folder, who);
const random = seeded(given.seed);
const { moved } = ledger(run).events;
const publishing = app({
  transport: rabbitmq({
    urls: given.urls,
    name: who,
    log,
    heartbeatSeconds: given.heartbeatSeconds,
    publishTimeoutMs: 20_000,
  }),
  log,
});
const service = publishing.client(desk(run));
const waiting = new Set<Promise<void>>();
/** Where each key is awaited: those with a message under way. */
const busyKeys = new Set<string>();
let stopping = false;
let paused = false;
let n = 0;
let calls = 0;

async function publish(): Promise<void> {
  const key = `k${Math.floor(random() * given.keys)}`;
  if (busyKeys.has(key)) return;
  if (given.inOrder) busyKeys.add(key);
  const content = {
    publisher: who,
    n: n++,
    key,
    kind: pickByShare(random, given.mix),
  };
  const id = idOf(content);
  const sum = checksum(content);
  history.write({ is: "attempted", id, n: content.n, key: content.key, kind: content.kind, sum });
  try {
    await publishing.emit(moved, { ...content, sum });
    history.write({ is: "acknowledged", id });
  } catch (error) {
    history.write({ is: "failed", id, why: reason(error) });
  }
  busyKeys.delete(key);
}

async function call(): Promise<void> {
  const id = `${who}:call-${calls++}`;
  history.write({ is: "called", id });
  try {
    const answer = await service.serve({ id });
    if (answer.id !== id) throw new Error(`the answer was for ${answer.id}`);
    history.write({ is: "answered", id });
  } catch (error) {
    history.write({ is: "unanswered", id, why: reason(error) });
  }
}

function reason(error: unknown): string {
  const text = isFault(error) ? `${error.code}: ${error.message}` : String(error);
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

function keep(work: Promise<void>): void {
  waiting.add(work);
  void work.finally(() => waiting.delete(work));
}

/** As many as are due by now; what could not be sent since too many are under way is not made up for. */
function pace(perSecond: number, start: () => Promise<void>, most: number): NodeJS.Timeout {
  let credit = 0;
  let last = performance.now();
  return setInterval(() => {
    const now = performance.now();
    credit = Math.min(perSecond / 10 + 1, credit + ((now - last) * perSecond) / 1_000);
    last = now;
    for (; credit >= 1 && waiting.size < most && !isDone(); credit--) keep(start());
  }, tickMs);
}

function isDone(): boolean {
  return stopping || paused || (given.messages !== undefined && n >= given.messages);
}

/** Takes no new work, and ends when all that is under way has an outcome. */
async function end(): Promise<void> {
  if (stopping) return;
  stopping = true;
  while (waiting.size > 0) await Promise.all(waiting);
  await publishing.stop();
  process.exit(0);
}

process.on("SIGTERM", () => void end());
process.on("SIGUSR2", () => {
  paused = !paused;
});
// Whoever started it is gone, and nobody will ever end it.
process.on("disconnect", () => process.exit(1));
await publishing.start();
watchMemory(history, who, "publisher");
history.write({ is: "up", who, role: "publisher" });
process.send?.("up");
pace(given.perSecond, publish, given.inFlight);
if (given.callsPerSecond > 0) pace(given.callsPerSecond, call, given.inFlight);
