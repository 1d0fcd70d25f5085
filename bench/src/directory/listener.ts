// One listener in a process of its own: what the directory takes of its memory.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { directory } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { argument, say } from "../child.ts";

export interface Listening {
  readonly known: number;
  /** By which the heap grew, after a collection, in bytes. */
  readonly bytes: number;
}

const { instances } = argument<{ readonly instances: number }>();
setFlagsFromString("--expose_gc");
const collect = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const transport = rabbitmq(process.env.AMQP_URL!);
// Connected, and all code that it needs read.
await (await directory(transport)).close();
const before = heapBytes();
const listed = await directory(transport);
while (listed.instances().length < instances) await new Promise((resolve) => setTimeout(resolve, 50));
say({ known: listed.instances().length, bytes: heapBytes() - before } satisfies Listening);
