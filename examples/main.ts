import { runExamples } from "warren-example-host";
import { marketExample } from "./market/src/system.ts";
import { moviesExample } from "./movies/src/system.ts";
import { ordersExample } from "./orders/src/system.ts";

// `npm start`: all of them in one process, behind one gateway, on one broker.
await runExamples([marketExample, ordersExample, moviesExample], {
  name: "The examples",
  command: "npm start",
});
