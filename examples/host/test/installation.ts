import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, type Clock, type Logger, silent, type Transport } from "warren";
import { compose, partNamesOf, type System } from "warren-example-host";

export interface InstallationOptions {
  /** What is run, with its data in this folder. */
  readonly systems: (dataDir: string) => readonly System[];
  /** One connection to the same broker each time. */
  readonly transport: () => Transport;
  readonly log?: Logger;
  readonly clock?: Clock;
}

/** Data that several compositions share, and the ends of all of them. */
export interface Installation extends AsyncDisposable {
  readonly dataDir: string;
  /** Runs some parts, on a connection of their own. */
  run(names?: readonly string[]): Promise<Running>;
}

export interface Running {
  readonly app: App;
  /** Where the gateway listens; empty without one. */
  readonly url: string;
  stop(): Promise<void>;
}

export function installation(options: InstallationOptions): Installation {
  const { transport, log = silent, clock } = options;
  const dataDir = mkdtempSync(join(tmpdir(), "examples-test-"));
  const systems = options.systems(dataDir);
  const running = new Set<Running>();
  return {
    dataDir,
    async run(names = partNamesOf(systems)) {
      const { app, server, start, stop } = await compose({
        systems,
        names,
        transport: transport(),
        log,
        ...(clock !== undefined && { clock }),
      });
      await start();
      const url = (await server?.listen({ host: "127.0.0.1", port: 0 })) ?? "";
      const one: Running = {
        app,
        url,
        async stop() {
          running.delete(one);
          await stop();
        },
      };
      running.add(one);
      return one;
    },
    async [Symbol.asyncDispose]() {
      for (const one of [...running].reverse()) await one.stop();
      rmSync(dataDir, { recursive: true });
    },
  };
}
