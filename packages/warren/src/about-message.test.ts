import { expect, test } from "vitest";
import { traceIds } from "./about-message.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const span = "b7ad6b7169203331";

test.for([`00-${trace}-${span}-01`, `00-${trace}-${span}-00`, `cc-${trace}-${span}-01-what-comes-later`])(
  "takes the ids of %s",
  (traceparent) => {
    expect(traceIds({ traceparent })).toEqual({ trace_id: trace, span_id: span });
  },
);

test.for([
  undefined,
  "",
  7,
  `00-${trace}-${span}`,
  `00-${trace}-${span}-01-more`,
  `ff-${trace}-${span}-01`,
  `0-${trace}-${span}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${"0".repeat(32)}-${span}-01`,
  `00-${trace}-${"0".repeat(16)}-01`,
  `00-${trace}x-${span}-01`,
  ` 00-${trace}-${span}-01`,
  `00-${trace}-${span}-01\n`,
  `cc-${trace}-${span}-01-${"x".repeat(1_000)}`,
])("takes nothing of %j, which is no traceparent", (traceparent) => {
  expect(traceIds(traceparent === undefined ? undefined : { traceparent })).toBeUndefined();
});
