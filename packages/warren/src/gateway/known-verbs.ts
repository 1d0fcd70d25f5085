import type { FastifyInstance } from "fastify";

interface Known {
  readonly segments: readonly string[];
  readonly verbs: Set<string>;
}

/** Notes every route registered within `instance` from now on. @returns which verbs a path is known for, in order of the alphabet */
export function knownVerbs(instance: FastifyInstance): (path: string) => readonly string[] {
  const byPath = new Map<string, Known>();
  instance.addHook("onRoute", ({ url, method }) => {
    // Wildcards and patterns within a segment are not understood here; unknown verbs of such routes stay 404.
    if (/[*()]/.test(url)) return;
    const known = byPath.get(url) ?? { segments: url.split("/"), verbs: new Set<string>() };
    for (const verb of [method].flat()) known.verbs.add(verb.toUpperCase());
    byPath.set(url, known);
  });
  const { ignoreTrailingSlash, routerOptions } = instance.initialConfig;
  const ignores = routerOptions?.ignoreTrailingSlash ?? ignoreTrailingSlash ?? false;
  return (path) => {
    const segments = (ignores ? path.replace(/(?<=.)\/$/, "") : path).split("/");
    const matching = [...byPath.values()].filter((known) => matches(known.segments, segments));
    return [...new Set(matching.flatMap(({ verbs }) => [...verbs]))].sort((a, b) => a.localeCompare(b));
  };
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, index) =>
    part.startsWith(":") ? segments[index] !== "" : part === segments[index],
  );
}
