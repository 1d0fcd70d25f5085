import type { Dashboard, Panel } from "../dashboard.ts";
import { service } from "./variables.ts";

/** Half of all, one of twenty and one of a hundred take longer than this. */
function quantiles(title: string, description: string, histogram: string, filter: string, by: string): Panel {
  const labels = by.split(", ").map((label) => `{{${label}}}`);
  return {
    title,
    description,
    unit: "s",
    queries: [0.5, 0.95, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le, ${by}) (rate(${histogram}_bucket${filter}[$__rate_interval])))`,
      legend: `${labels.join(" ")} p${quantile * 100}`,
    })),
  };
}

function heatmap(title: string, description: string, histogram: string, filter: string): Panel {
  return {
    title,
    description,
    kind: "heatmap",
    unit: "s",
    queries: [
      { expr: `sum by (le) (increase(${histogram}_bucket${filter}[$__rate_interval]))`, legend: "{{le}}" },
    ],
  };
}

const chosen = '{service=~"$service"}';

export const latency: Dashboard = {
  uid: "warren-latency",
  title: "Warren: latency",
  description: "How long handlers, calls and requests take: all of them, not the average.",
  variables: [service],
  panels: [
    heatmap(
      "Handlers",
      "Two bands are two kinds of work, or a cache.",
      "messaging_process_duration_seconds",
      chosen,
    ),
    quantiles(
      "Handlers, by service",
      "From the message in hand to the end of the handler.",
      "messaging_process_duration_seconds",
      chosen,
      "service",
    ),
    heatmap("Calls", "With the time in queues and on the network.", "rpc_client_call_duration_seconds", ""),
    quantiles(
      "Calls, by method",
      "As their callers saw them. Much more than the handler takes: requests wait for a free instance.",
      "rpc_client_call_duration_seconds",
      "",
      "rpc_method",
    ),
    heatmap("HTTP requests", "As the gateway answered them.", "http_server_request_duration_seconds", ""),
    quantiles(
      "HTTP requests, by route",
      "From the request to the whole answer.",
      "http_server_request_duration_seconds",
      "",
      "http_route",
    ),
    quantiles(
      "Publishing of events",
      "Until the broker has the event on disk, for each exchange. Rises with a busy broker or disk.",
      "messaging_client_operation_duration_seconds",
      "",
      "messaging_destination_name",
    ),
    quantiles(
      "Jobs",
      "The same as handlers, in the buckets that dashboards for microservices_job_processing_seconds know.",
      "microservices_job_processing_seconds",
      '{service=~"worker-($service)"}',
      "service",
    ),
  ],
};
