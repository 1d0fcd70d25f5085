import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { fromEnv } from "../src/index.ts";

it("with AMQP_URL operations wait for a broker as long as they are told", async () => {
  const env = { AMQP_URL: "amqp://127.0.0.1:1" };
  const transport = await fromEnv({ env, connectTimeoutMs: 50 });
  onTestFinished(() => transport.close({ drainMs: 0 }));
  await expect(transport.inspect("any")).rejects.toThrow("within 50 ms");
});

it("without AMQP_URL the transport is the embedded one, with a journal where WARREN_DATA names a folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-env-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const env of [{}, { AMQP_URL: " ", WARREN_DATA: " " }]) {
    const transport = await fromEnv({ env });
    expect(transport.name).toBe("embedded");
    await transport.close({ drainMs: 0 });
  }
  expect(readdirSync(folder)).toEqual([]);
  const WARREN_DATA = join(folder, "made");
  const transport = await fromEnv({ env: { WARREN_DATA } });
  expect(existsSync(join(WARREN_DATA, "broker.db"))).toBe(true);
  await expect(fromEnv({ env: { WARREN_DATA } })).rejects.toThrow(WARREN_DATA);
  await transport.close({ drainMs: 0 });
});
