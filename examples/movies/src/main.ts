import { runExamples } from "warren-example-host";
import { moviesExample } from "./system.ts";

await runExamples([moviesExample], { name: "The movies", command: "npm start -w examples/movies" });
