import { runExamples } from "warren-example-host";
import { ordersExample } from "./system.ts";

await runExamples([ordersExample], { name: "The orders", command: "npm start -w examples/orders" });
