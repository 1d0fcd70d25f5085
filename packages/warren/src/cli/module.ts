import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyContract, Event, Saga, Service } from "../index.ts";

/** What a module of the user's exports, as far as tools look at it. */
export interface LoadedModule {
  /** As people name it. */
  readonly name: string;
  readonly path: string;
  readonly services: readonly Service[];
  readonly sagas: readonly Saga[];
  readonly contracts: readonly AnyContract[];
  readonly events: readonly Event[];
}

/** For the help of commands that take a file. */
export const fileHelp = `
The file is a module of yours, .ts or .js, which is imported. Taken are its exports
that are services, sagas, contracts or events, lists of them, and what a function
named "services" returns. It should only build them, and start nothing: see
"Services for tools" in docs/map.md. Without a file, that of package.json in
this folder is taken: { "warren": { "services": "src/services.ts" } }`;

const patienceMs = 10_000;

/** Imports the module. @throws Error that says what is wrong with it, and what to do */
export async function loadModule(file: string | undefined): Promise<LoadedModule> {
  const path = resolve(file ?? fileOfPackage());
  const name = relative("", path) || path;
  if (!existsSync(path)) throw new Error(`There is no file ${name}.`);
  const before = openResources();
  const found = await quietly(() => withPatience(name, exportsOf(path, name)));
  await listening();
  const opened = openResources() - before;
  if (opened > 0)
    console.error(
      `${name} has opened ${opened === 1 ? "a server or connection" : `${opened} servers or connections`} while it was imported. Name a module that only builds services.`,
    );
  return { name, path, ...sortedByKind(found) };
}

/** What the package around a file is called, for titles. */
export function packageAround(path: string): { readonly name?: string; readonly version?: string } {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
    if (folder === dirname(folder)) return {};
  }
}

function fileOfPackage(): string {
  const { warren } = existsSync("package.json") ? JSON.parse(readFileSync("package.json", "utf8")) : {};
  if (typeof warren?.services === "string") return warren.services;
  throw new Error(
    'Name the file that exports the services, or put it into package.json: { "warren": { "services": "src/services.ts" } }',
  );
}

async function exportsOf(path: string, name: string): Promise<unknown[]> {
  let stage = "imported";
  try {
    const { services, ...others } = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
    stage = "asked for its services()";
    return [...Object.values(others), typeof services === "function" ? await services() : services];
  } catch (error) {
    if (process.env.WARREN_DEBUG !== undefined) throw error;
    throw new Error(`${name} could not be ${stage}: ${messageOf(error)}${placeOf(error, path)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}

/** Where it happened: the first line of the user's own code that the stack, or a syntax error, names. */
function placeOf(error: unknown, path: string): string {
  const lines = error instanceof Error ? (error.stack ?? "").split("\n") : [];
  const own = lines.find(
    (line) => /(^|file:\/\/|\s|\()\/.*:\d+/.test(line) && !/node_modules|node:internal/.test(line),
  );
  const place = /(\/[^\s()]+?\.[a-z]+:\d+(?::\d+)?)/.exec((own ?? "").replace("file://", ""))?.[1];
  if (place === undefined || place.includes("/cli/module.")) return "";
  return `\n  at ${place.startsWith(`${path}:`) ? relative("", path) + place.slice(path.length) : place}`;
}

/** A module may wait for a broker that is not there, or for a server to end. */
async function withPatience<T>(name: string, loading: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new Error(
          `${name} was not imported within ${patienceMs / 1000} s: it waits for something, such as a broker or a server that it starts. Name a module that only builds services.`,
        ),
      ),
    patienceMs,
  );
  try {
    return await Promise.race([loading, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the module prints is no part of the answer. */
async function quietly<T>(run: () => Promise<T>): Promise<T> {
  const write = process.stdout.write;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    return await run();
  } finally {
    process.stdout.write = write;
  }
}

/** A server that was told to listen does so a little later. */
function listening(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

function openResources(): number {
  return process.getActiveResourcesInfo().filter((kind) => /^(TCP|TLS|HTTP)/.test(kind)).length;
}

/** By what they say of themselves: the module may have another copy of Warren. */
function sortedByKind(found: readonly unknown[]): Omit<LoadedModule, "name" | "path"> {
  const all = [...new Set(found.flat(2))].filter((value) => typeof value === "object" && value !== null);
  const ofKind = <T>(kind: string): T[] =>
    all.filter((value) => (value as { readonly kind?: unknown }).kind === kind) as T[];
  return {
    services: ofKind<Service>("service"),
    sagas: ofKind<Saga>("saga"),
    contracts: ofKind<AnyContract>("contract"),
    events: ofKind<Event>("event"),
  };
}
