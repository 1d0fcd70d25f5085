import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Runs `work` with a PostgreSQL of its own, which is stopped and removed afterwards. */
export async function withPostgres(work: (url: string) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "warren-bench-"));
  try {
    const line = await warren("database", "up", "--quiet", "--data", dataDir);
    const [, url] = /^export DATABASE_URL=(\S+)/m.exec(line) ?? [];
    if (url === undefined) throw new Error(`warren database up said ${line}`);
    await work(url);
  } finally {
    await warren("database", "down", "--discard", "--data", dataDir);
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function warren(...args: string[]): Promise<string> {
  const folder = dirname(createRequire(import.meta.url).resolve("warren/package.json"));
  const { stdout } = await run(process.execPath, [join(folder, "src/cli/main.ts"), ...args]);
  return stdout;
}
