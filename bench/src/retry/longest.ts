/**
 * Chance that can be taken away: once pinned, full jitter always draws the longest wait, so that a policy's `baseMs` is
 * the tier. Until then it draws as usual, since an app draws its own name.
 */
export function longestWaits(): { random: () => number; pin(): void } {
  let pinned = false;
  return {
    random: () => (pinned ? 1 - 2 ** -32 : Math.random()),
    pin() {
      pinned = true;
    },
  };
}
