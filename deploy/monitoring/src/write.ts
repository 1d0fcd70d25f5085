// Writes the dashboards that Grafana reads: node deploy/monitoring/src/write.ts
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { dashboardFiles } from "./files.ts";

const folder = join(import.meta.dirname, "../grafana/dashboards");
for (const { name, text } of dashboardFiles()) writeFileSync(join(folder, name), text);
