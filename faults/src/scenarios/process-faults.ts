import { pick } from "../nemesis/random.ts";
import type { Place } from "../processes/supervisor.ts";
import type { Fault } from "./scenario.ts";

/** A consumer is gone without a word, whatever it was doing. */
export const killWorker: Fault = {
  name: "kill -9 of a worker",
  async strike({ workers }, chance) {
    chosen(workers, chance).signal("SIGKILL");
    return undefined;
  },
};

export const killAllWorkers: Fault = {
  name: "kill -9 of all workers",
  async strike({ workers }) {
    // Those that are still starting would take the blow without having had anything in hand.
    await Promise.all(workers.map((worker) => worker.ready()));
    for (const worker of workers) worker.signal("SIGKILL");
    return undefined;
  },
};

export const killPublisher: Fault = {
  name: "kill -9 of a publisher",
  async strike({ publishers }, chance) {
    chosen(publishers, chance).signal("SIGKILL");
    return undefined;
  },
};

/** As a long pause of the garbage collector or of a virtual machine: it answers nothing and does not know. */
export const freezeWorkers: Fault = {
  name: "SIGSTOP of all workers",
  async strike({ workers }) {
    for (const worker of workers) worker.signal("SIGSTOP");
    return async () => {
      for (const worker of workers) worker.signal("SIGCONT");
    };
  },
};

/** One of them, so that another takes over what it holds and does not know to be lost. */
export const freezeWorker: Fault = {
  name: "SIGSTOP of a worker",
  async strike({ workers }, chance) {
    const frozen = chosen(workers, chance);
    frozen.signal("SIGSTOP");
    return async () => frozen.signal("SIGCONT");
  },
};

export const freezePublisher: Fault = {
  name: "SIGSTOP of a publisher",
  async strike({ publishers }, chance) {
    const frozen = chosen(publishers, chance);
    frozen.signal("SIGSTOP");
    return async () => frozen.signal("SIGCONT");
  },
};

/** As a deployment: one after the other, each new one ready before the next old one is asked to end. */
export const rollWorkers: Fault = {
  name: "SIGTERM of each worker in turn",
  async strike({ workers }) {
    for (const worker of workers) await worker.restart();
    return undefined;
  },
};

function chosen(places: readonly Place[], chance: number): Place {
  return pick(() => chance, places);
}
