import { runExamples } from "warren-example-host";
import { marketExample } from "./system.ts";

await runExamples([marketExample], { name: "The market", command: "npm start -w examples/market" });
