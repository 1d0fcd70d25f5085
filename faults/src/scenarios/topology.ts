import type { Scenario } from "./scenario.ts";
import {
  deleteDead,
  deleteEventExchange,
  deleteEvents,
  deleteTierExchanges,
  deleteTiers,
  expireEvents,
  limitQueue,
  removeBinding,
} from "./topology-faults.ts";

/** Group 8: what is done to queues, exchanges and bindings while they are used. */
export const topologyScenarios: readonly Scenario[] = [
  {
    name: "events-queue-deleted",
    about:
      "the queue of events is deleted under its consumers; what nobody hears meanwhile is kept as unheard",
    group: "8",
    nodes: 1,
    load: { attempts: 3 },
    faults: [deleteEvents],
    rhythm: { lastsMs: [0, 0], pauseMs: [500, 1_500] },
  },
  {
    name: "delay-queues-deleted",
    about: "the delay queues are deleted, with their exchanges or without, while messages are being retried",
    group: "8",
    nodes: 1,
    load: { mix: { ok: 0.6, flaky: 0.4 } },
    faults: [deleteTiers, deleteTierExchanges],
    rhythm: { lastsMs: [0, 0], pauseMs: [500, 1_500] },
  },
  {
    name: "dead-queue-deleted",
    about: "the queue of dead letters is deleted while messages are given up",
    group: "8",
    nodes: 1,
    load: { mix: { ok: 0.8, refused: 0.2 } },
    faults: [deleteDead],
    rhythm: { lastsMs: [0, 0], pauseMs: [500, 1_500] },
  },
  {
    name: "events-exchange-deleted",
    about: "the exchange of events is deleted under its publishers",
    group: "8",
    nodes: 1,
    faults: [deleteEventExchange],
    rhythm: { lastsMs: [0, 0], pauseMs: [1_500, 2_500] },
  },
  {
    name: "binding-removed",
    about: "the binding of the queue of events is removed for a while: events are kept as unheard",
    group: "8",
    nodes: 1,
    load: { perSecond: 200 },
    faults: [removeBinding],
    rhythm: { lastsMs: [500, 1_500], pauseMs: [800, 1_500] },
  },
  {
    name: "queue-full",
    about:
      "a limit is put on the queue of events by policy: the broker refuses what is beyond it (basic.nack)",
    group: "8",
    nodes: 1,
    load: { mix: { ok: 0.5, slow: 0.5 }, prefetch: 5, slowMs: 50 },
    faults: [limitQueue],
    rhythm: { lastsMs: [1_000, 3_000], pauseMs: [800, 1_500] },
  },
  {
    name: "events-expired",
    about:
      "a time limit is put on the queue of events by policy; what expired is replayed, and partly fails again",
    group: "8, 9",
    nodes: 1,
    load: { mix: { ok: 0.3, slow: 0.4, flaky: 0.3 }, prefetch: 5, slowMs: 60 },
    faults: [expireEvents],
    rhythm: { lastsMs: [700, 1_500], pauseMs: [500, 1_000] },
  },
];
