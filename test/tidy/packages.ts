import { isTest, type SourceFile } from "./files.ts";
import { importsOf } from "./syntax.ts";

export interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/** Dependencies that have a place of their own, like the optional peers: what they do is offered there under Warren's words. */
const homes: Readonly<Record<string, readonly string[]>> = {
  "@opentelemetry/api": ["telemetry", "open-telemetry"],
};

/** What the package asks its user to install is what its source imports, and an optional peer has one place. */
export function checkDependencies(manifest: Manifest, files: readonly SourceFile[], src: string): string[] {
  const peers = Object.keys(manifest.peerDependencies ?? {});
  const declared = new Set([...Object.keys(manifest.dependencies ?? {}), ...peers]);
  const placesOf = importedPackages(files, src);
  return [
    ...[...placesOf]
      .filter(([name]) => !declared.has(name))
      .map(
        ([name, places]) =>
          `${name} is imported in ${[...places].join(", ")} but is neither dependency nor peer`,
      ),
    ...[...declared]
      .filter((name) => !placesOf.has(name))
      .map((name) => `${name} is declared but never imported`),
    ...peers
      .filter((name) => manifest.peerDependenciesMeta?.[name]?.optional !== true)
      .map((name) => `${name} is a peer that is not marked as optional`),
    ...Object.entries(homes).flatMap(([name, allowed]) =>
      [...(placesOf.get(name) ?? [])]
        .filter((place) => !allowed.includes(place))
        .map((place) => `${name} is imported in ${place}; keep it in ${allowed.join(" and ")}`),
    ),
    ...peers
      .filter((name) => (placesOf.get(name)?.size ?? 0) > 1)
      .map(
        (name) =>
          `${name} is an optional peer, imported in ${[...placesOf.get(name)!].join(" and ")}; keep it in one`,
      ),
  ];
}

/** Each foreign package, and the folders right under `src` that import it. */
function importedPackages(files: readonly SourceFile[], src: string): Map<string, Set<string>> {
  const placesOf = new Map<string, Set<string>>();
  for (const file of files) {
    if (!file.path.startsWith(src) || isTest(file.path)) continue;
    const place = file.path.slice(src.length).split("/")[0]!;
    for (const target of importsOf(file)) {
      if (target.startsWith(".") || target.startsWith("node:")) continue;
      const name = target.split("/", target.startsWith("@") ? 2 : 1).join("/");
      placesOf.set(name, (placesOf.get(name) ?? new Set()).add(place));
    }
  }
  return placesOf;
}
