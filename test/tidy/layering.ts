import { posix } from "node:path";
import { isTest, type SourceFile } from "./files.ts";
import { importsOf } from "./syntax.ts";

const src = "packages/warren/src/";

/** Files beside index.ts that put the features together. Every other file there is vocabulary. */
const composition = new Set([
  "app.ts",
  "assembly.ts",
  "application.ts",
  "from-env.ts",
  "run-until-signal.ts",
  "index.ts",
  "instance.ts",
]);
const folders: Record<string, Layer> = {
  contract: "vocabulary",
  codec: "vocabulary",
  messagepack: "transport",
  bson: "transport",
  embedded: "transport",
  rabbitmq: "transport",
  sqlite: "transport",
  postgres: "transport",
  kysely: "transport",
  machine: "machine",
  broker: "broker",
  database: "broker",
  gateway: "edge",
  "open-telemetry": "sdk",
  testing: "testing",
  cli: "cli",
};

type Layer =
  | "vocabulary"
  | "feature"
  | "composition"
  | "transport"
  | "machine"
  | "broker"
  | "edge"
  | "sdk"
  | "testing"
  | "cli";

/** What each layer may import besides its own folder; `index` is the public API alone. */
const mayImport: Record<Layer, readonly (Layer | "index")[]> = {
  vocabulary: ["vocabulary"],
  feature: ["vocabulary", "feature"],
  composition: ["vocabulary", "feature", "composition"],
  transport: ["vocabulary"],
  machine: ["vocabulary"],
  broker: ["vocabulary", "machine"],
  edge: ["index"],
  sdk: ["vocabulary"],
  testing: ["index", "vocabulary"],
  cli: ["index", "broker"],
};

/** Imports against the direction, each with the reason why it may stay. */
const exceptions: Record<string, string> = {
  "codec/reading.ts -> messagepack": "reads what others send in it; loaded by the first such message",
  "codec/reading.ts -> bson": "reads what others send in it; loaded by the first such message",
  "open-telemetry/telemetry.ts -> logs":
    "what it tells of collectors is without secrets, as all other lines are",
  "from-env.ts -> embedded": "chooses the transport at run time; imported only when chosen",
  "cli/docs.ts -> gateway": "prints the document that a gateway serves; imports no driver",
  "from-env.ts -> rabbitmq": "chooses the transport at run time; imported only when chosen",
};

/** vocabulary <- features <- app; transports on vocabulary only; nothing imports gateway, open-telemetry, testing or cli. */
export function checkLayering(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.startsWith(src) && !isTest(path))
    .flatMap((file) => importsOf(file).flatMap((target) => checkImport(file.path.slice(src.length), target)));
}

function checkImport(from: string, target: string): string[] {
  if (!target.startsWith(".")) return [];
  const to = posix.join(posix.dirname(from), target);
  if (to.startsWith("..")) return [`${src}${from} imports ${target}, outside of the package's source`];
  const own = folderOf(from);
  if (own !== undefined && own === folderOf(to)) return [];
  if (`${from} -> ${folderOf(to)}` in exceptions) return [];
  const allowed = mayImport[layerOf(from)];
  const isAllowed = to === "index.ts" ? allowed.includes("index") : allowed.includes(layerOf(to));
  if (isAllowed) return [];
  return [
    `${src}${from} (${layerOf(from)}) must not import ${to} (${layerOf(to)}); it may import: ${allowed.join(", ")}`,
  ];
}

function folderOf(path: string): string | undefined {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : undefined;
}

function layerOf(path: string): Layer {
  const folder = folderOf(path);
  if (folder !== undefined) return folders[folder] ?? "feature";
  return composition.has(path) ? "composition" : "vocabulary";
}
