import { vi } from "vitest";
import type { Directory, DirectoryChange } from "../src/index.ts";

/** Changes of a directory from now on, as `kind service`. */
export function noted(directory: Directory): DirectoryChange[] {
  const changes: DirectoryChange[] = [];
  directory.watch((change) => void changes.push(change));
  return changes;
}

/** Resolves when the directory knows exactly these instances of a service; @returns how long that took, in milliseconds. */
export async function untilKnown(
  directory: Directory,
  service: string,
  ids: readonly string[],
  timeoutMs: number,
): Promise<number> {
  const began = performance.now();
  const wanted = ids.toSorted().join();
  await vi.waitFor(
    () => {
      const known = directory
        .instances({ service })
        .map(({ id }) => id)
        .toSorted()
        .join();
      if (known !== wanted) throw new Error(`known are ${known || "none"}, and not ${wanted || "none"}`);
    },
    { timeout: timeoutMs, interval: 5 },
  );
  return performance.now() - began;
}
