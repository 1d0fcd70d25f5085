import { relative } from "node:path";
import type { App } from "warren";
import type { Settings } from "./settings.ts";
import type { System } from "./system.ts";
import { titleOf } from "./title.ts";

export interface HintsAbout {
  readonly systems: readonly System[];
  readonly settings: Settings;
  readonly url: string;
  readonly app: App;
  readonly command: string;
  readonly isPublic: boolean;
}

/** What a reader can try, ready to be copied: commands for a shell, each below what it does. */
export async function hintsOf({ systems, settings, ...at }: HintsAbout): Promise<string> {
  const each = await Promise.all(
    systems.map(async ({ title, hints }) => {
      const heading = systems.length > 1 ? `## ${title}\n\n` : "";
      return heading + (await hints(at)).trim();
    }),
  );
  // Where files are is for whoever has the terminal.
  const last = at.isPublic
    ? []
    : [`# All routes and these commands, in a browser\n${at.url}`, kept(settings)];
  return `\n${[...each, ...last].join("\n\n")}\n`.replaceAll(/^(?=.)/gm, "  ");
}

function kept({ dataDir, databaseUrl }: Settings): string {
  const folder = quoted(relative(process.env.INIT_CWD ?? "", dataDir) || ".");
  return databaseUrl === undefined
    ? `# What happened is kept in ${folder}. Start anew without it, when this has ended\nrm -r ${folder}`
    : `# What happened is kept in ${folder} and in the database of DATABASE_URL`;
}

/** As a POSIX shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w./][\w./-]*$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** What `GET /` answers a browser with: links, and the same commands. */
export function startPage(systems: readonly System[], hints: string): string {
  const title = escaped(titleOf(systems));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff }
  pre { padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14px; background: #f4f4f2; border-radius: 6px }
</style>
<h1>${title}</h1>
<p><a href="/docs">All routes</a>, to read and to try out here, and <a href="/openapi.json">their OpenAPI document</a>.</p>
<p>Commands to try in a terminal:</p>
<pre>${escaped(hints)}</pre>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
