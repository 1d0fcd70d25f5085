import { eventsOf } from "../contract/contract.ts";
import { stepsOf } from "../saga/plan.ts";
import type { Saga } from "../saga/saga.ts";
import { mappedCalls } from "./mapped-calls.ts";
import { sortedTexts } from "./sorted-texts.ts";
import type { MappedSaga } from "./system-map.ts";

export function mappedSaga({ name, plan }: Saga): MappedSaga {
  const waits = plan.stages.flatMap((stage) => (stage.kind === "wait" ? stage.event.id : []));
  const waitsFor = sortedTexts(waits);
  const mayEmit = Object.values(plan.uses).flatMap((contract) => eventsOf(contract).map(({ id }) => id));
  const contracts = Object.values(plan.uses).map((contract) => contract.name as string);
  return {
    name,
    steps: plan.stages.flatMap(stepsOf).map((step) => ({ name: step.name, undone: step.undo !== undefined })),
    uses: sortedTexts(contracts),
    calls: mappedCalls(plan.uses, [...waitsFor, ...mayEmit]),
    waitsFor,
  };
}
