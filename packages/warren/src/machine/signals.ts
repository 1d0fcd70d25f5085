const ending: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs `work`, during which a signal that would end the process does nothing; it is sent again when the work is over,
 * unless others listen, who have heard it already.
 */
export async function signalsHeldBack<T>(work: () => Promise<T>): Promise<T> {
  let held: NodeJS.Signals | undefined;
  const hold = (signal: NodeJS.Signals): void => {
    held ??= signal;
  };
  for (const signal of ending) process.on(signal, hold);
  try {
    return await work();
  } finally {
    for (const signal of ending) process.off(signal, hold);
    if (held !== undefined && process.listenerCount(held) === 0) process.kill(process.pid, held);
  }
}
