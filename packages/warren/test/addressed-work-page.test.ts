// The workers of docs/addressed-work.md, as the page has them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it, onTestFinished, vi } from "vitest";
import { programsOf } from "../../../test/tidy/blocks.ts";
import { embedded } from "../src/embedded/index.ts";
import {
  type AppOptions,
  app,
  type Contract,
  contract,
  type Service,
  type Sql,
  type Store,
  silent,
} from "../src/index.ts";
import { freshSqlite } from "./stores.ts";

const top = join(import.meta.dirname, "../../..");

async function fromPage(name: string): Promise<any> {
  const page = "docs/addressed-work.md";
  const programs = programsOf([{ path: page, text: readFileSync(join(top, page), "utf8") }]);
  const folder = mkdtempSync(join(tmpdir(), "warren-page-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(top, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const { path, text } = programs.find((each) => each.path.endsWith(name))!;
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
  return import(pathToFileURL(join(folder, path)).href);
}

async function started(options: Partial<AppOptions>) {
  const made = app({ transport: embedded(), log: silent, ...options });
  onTestFinished(() => made.stop({ drainMs: 500 }));
  await made.start();
  return made;
}

it("hand a job along in the order of its slip", async () => {
  type Part = (data: string) => Promise<string>;
  const page: {
    stations: Record<string, Contract<any, any, any>>;
    worker: (name: string, store: Store<Sql>, part: Part) => Service<any>;
  } = await fromPage("workers.ts");
  const store = (await freshSqlite()).open();
  const done: string[] = [];
  const shop = await started({
    services: ["cut", "paint", "ship"].map((name) =>
      page.worker(name, store, async (data) => {
        done.push(`${data}, ${name}`);
        return `${data}, ${name}`;
      }),
    ),
  });
  const cut: any = shop.client(page.stations.cut!);
  await cut.work({ id: "1", data: "a board", next: ["ship", "paint"] }, { key: "1" });
  await vi.waitFor(() => expect(done.at(-1)).toBe("a board, cut, ship, paint"));
  expect(done).toHaveLength(3);
});

it("undo what was done before, where a later one gives up", async () => {
  const page = await fromPage("reacting.ts");
  const store = (await freshSqlite()).open();
  const painting: Service = page.paintingService(store);
  const emptied = {
    ...painting,
    definition: {
      ...painting.definition,
      on: {
        "cutting.done": {
          ...(painting.definition.on as any)["cutting.done"],
          retry: { attempts: 1 },
          run: () => {
            throw new Error("no paint is left");
          },
        },
      },
    },
  } as Service;
  const lines: any[] = [];
  const log: any = {
    ...silent,
    info: (data: any, line: string) => void lines.push([line, data.done]),
    child: () => log,
  };
  const shop = await started({ services: [page.cuttingService(store), emptied], log });
  const { handedIn } = (page.cuttingService(store).definition.uses.desk as ReturnType<typeof contract>)
    .events as any;
  await shop.emit(handedIn, { id: "1", data: "a board" });
  await vi.waitFor(() => expect(lines).toContainEqual(["to be glued together", "a board"]));
});
