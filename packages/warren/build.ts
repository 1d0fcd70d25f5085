// Makes `dist`, the package as it is published: JavaScript and types, and a package.json that points to them.
// In the repository the sources run as they are; see docs/decisions/0005-sources-run-as-they-are.md.
// Another folder than `dist` can be given as the argument.
import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = new URL("./", import.meta.url);
const [, , folder] = process.argv;
const dist = folder === undefined ? new URL("dist/", here) : pathToFileURL(`${resolve(folder)}/`);

await rm(dist, { recursive: true, force: true });
execFileSync(
  "tsc",
  ["-p", fileURLToPath(new URL("tsconfig.build.json", here)), "--outDir", fileURLToPath(dist)],
  { stdio: "inherit" },
);
const manifest = JSON.parse(await readFile(new URL("package.json", here), "utf8"));
const { devDependencies: _, scripts: __, ...published } = manifest;
published.exports = Object.fromEntries(
  Object.entries<string | { default: string }>(manifest.exports).map(([name, target]) => [
    name,
    typeof target === "string" ? target : javascript(target.default),
  ]),
);
await writeFile(new URL("package.json", dist), `${JSON.stringify(published, null, 2)}\n`);
await mkdir(new URL("bin/", dist));
const command = await readFile(new URL(manifest.bin.warren, here), "utf8");
await writeFile(new URL(manifest.bin.warren, dist), command.replace("../src/cli/main.ts", "../cli/main.js"), {
  mode: 0o755,
});
for (const file of ["LICENSE", "README.md"])
  await copyFile(new URL(`../../${file}`, here), new URL(file, dist));
const made = fileURLToPath(dist);
const where = relative("", made);
process.stdout.write(
  `${manifest.name} ${manifest.version}: built in ${where.startsWith("..") ? made : where}\n`,
);

function javascript(source: string): string {
  return source.replace("./src/", "./").replace(/\.ts$/, ".js");
}
