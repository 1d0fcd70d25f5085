import { grafanaJson } from "./dashboard.ts";
import { errors } from "./dashboards/errors.ts";
import { latency } from "./dashboards/latency.ts";
import { microservices } from "./dashboards/microservices.ts";
import { processes } from "./dashboards/processes.ts";
import { queues } from "./dashboards/queues.ts";
import { services } from "./dashboards/services.ts";
import { throughput } from "./dashboards/throughput.ts";

/** Every dashboard as the file that Grafana reads. */
export function dashboardFiles(): { readonly name: string; readonly text: string }[] {
  return [services, throughput, latency, errors, processes, queues, microservices].map((dashboard) => ({
    name: `${dashboard.uid}.json`,
    text: `${JSON.stringify(grafanaJson(dashboard), null, 2)}\n`,
  }));
}
