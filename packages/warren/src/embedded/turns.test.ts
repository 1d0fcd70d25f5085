import { expect, it } from "vitest";
import { embedded } from "./index.ts";

it("a loop that awaits each publish leaves consumers their turn", async () => {
  const transport = embedded({ maxQueueBytes: 10_000 });
  let got = 0;
  await transport.declare({ queues: [{ name: "q", type: "classic", lifetime: "durable" }] });
  await transport.consume(
    "q",
    () => {
      got += 1;
      return "ack";
    },
    { prefetch: 10 },
  );
  // A hundred times what the broker holds: it would refuse long before the end if nothing were taken meanwhile.
  const body = Buffer.alloc(1_000);
  for (let i = 0; i < 1_000; i++)
    await transport.publish({ exchange: "", key: "q", body, persistent: false, mandatory: true });
  await expect.poll(() => got).toBe(1_000);
  await transport.close({ drainMs: 100 });
});
