import type { Clock } from "../time.ts";

/** Longer than an election in a cluster takes, and shorter than people wait. */
const patienceMs = 20_000;

/**
 * What the broker answers, or an error when it does not: RabbitMQ 3.10 leaves a request about a quorum queue without a
 * leader unanswered for ever, and what waits for that would wait as long.
 * @param gaveUp told when the time is over; `late` settles when there is an answer after all
 */
export function answered<T>(
  clock: Clock,
  what: string,
  answer: Promise<T>,
  gaveUp: (late: Promise<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(patienceMs, () => {
      gaveUp(answer);
      reject(new Error(`RabbitMQ did not answer the ${what} within ${patienceMs} ms`));
    });
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}
