import { createHash, randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastLines, run } from "../machine/run.ts";

/** Where one database is, and whose it is. */
export interface Home {
  readonly folder: string;
  /** What PostgreSQL keeps; it makes this folder itself. */
  readonly data: string;
  /** Of the one user, `warren`. */
  readonly password: string;
  /** PostgreSQL does not run as root. Empty where this process is an ordinary user's, as the database is then. */
  readonly owner: Owner | undefined;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where those of root go whose folder nobody else may enter, such as one in its home. */
const ofRoot = "/var/lib/warren";

/** The home that was made for this folder, if any. */
export function findHome(dataDir: string): string | undefined {
  return homesOf(dataDir).find((folder) => existsSync(folder));
}

/** The home of this folder's database; made where there is none. */
export async function prepareHome(dataDir: string): Promise<Home> {
  const made = findHome(dataDir);
  const owner = process.getuid?.() === 0 ? await ownerOf(made) : undefined;
  const folder = made ?? (await makeHome(dataDir, owner));
  const passwordPath = join(folder, "password");
  if (!existsSync(passwordPath)) {
    writeFileSync(passwordPath, `${randomBytes(18).toString("base64url")}\n`, { mode: 0o600 });
    give(passwordPath, owner);
  }
  return { folder, data: dataIn(folder), password: passwordIn(folder), owner };
}

export function dataIn(folder: string): string {
  return join(folder, "data");
}

export function passwordIn(folder: string): string {
  return readFileSync(join(folder, "password"), "utf8").trim();
}

export function discardHome(dataDir: string): void {
  for (const folder of homesOf(dataDir))
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

async function makeHome(dataDir: string, owner: Owner | undefined): Promise<string> {
  const isReachable = owner === undefined || (await mayEnter(dataDir, owner));
  const folder = isReachable ? inside(dataDir) : outside(dataDir);
  if (!isReachable) mkdirSync(ofRoot, { recursive: true, mode: 0o755 });
  mkdirSync(folder, { mode: 0o700 });
  give(folder, owner);
  return folder;
}

function homesOf(dataDir: string): string[] {
  return process.getuid?.() === 0 ? [inside(dataDir), outside(dataDir)] : [inside(dataDir)];
}

function inside(dataDir: string): string {
  return join(dataDir, "postgres");
}

function outside(dataDir: string): string {
  return join(ofRoot, `database-${createHash("sha256").update(dataDir).digest("hex").slice(0, 10)}`);
}

async function mayEnter(folder: string, owner: Owner): Promise<boolean> {
  return (await run("test", ["-x", folder], {}, { ...owner, cwd: "/" })).code === 0;
}

/** Whoever has the home already; else the user that PostgreSQL's package made, or the one that stands for nobody. */
async function ownerOf(home: string | undefined): Promise<Owner> {
  if (home !== undefined) {
    const { uid, gid } = statSync(home);
    return { uid, gid };
  }
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = await Promise.all([idOf(["-u", name]), idOf(["-g", name])]);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error(
    'PostgreSQL does not run as root, and this machine has neither a user "postgres" nor "nobody". Make one: useradd --system postgres',
  );
}

async function idOf(args: readonly string[]): Promise<number | undefined> {
  const { code, output } = await run("id", args);
  return code === 0 ? Number(lastLines(output, 1)) : undefined;
}

function give(path: string, owner: Owner | undefined): void {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}
