import type { Dashboard } from "../dashboard.ts";
import { service } from "./variables.ts";

export const errors: Dashboard = {
  uid: "warren-errors",
  title: "Warren: errors",
  description: "What fails, how, and what becomes of it: tried again, given up, answered with a fault.",
  variables: [service],
  panels: [
    {
      title: "Share of work that fails",
      description: "Over 5 minutes. Faults that a contract declares are answers, and are not counted.",
      unit: "percentunit",
      alarmAt: 0.05,
      queries: [
        {
          expr: 'service:messaging_process_errors:ratio_rate5m{service=~"$service"}',
          legend: "{{service}}",
        },
      ],
    },
    {
      title: "Share of HTTP requests answered with 5xx",
      description: "Over 5 minutes, by route.",
      unit: "percentunit",
      alarmAt: 0.05,
      queries: [
        {
          expr: "route:http_server_request_errors:ratio_rate5m",
          legend: "{{http_request_method}} {{http_route}}",
        },
      ],
    },
    {
      title: "Handlers that fail, by operation and error",
      description: "INTERNAL and _OTHER: an error in the code, see the log. Other codes: faults.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (operation, error_type) (rate(messaging_process_duration_seconds_count{service=~"$service", error_type!=""}[$__rate_interval]))',
          legend: "{{operation}} {{error_type}}",
        },
      ],
    },
    {
      title: "Calls that fail, by method and error",
      description: "As their callers saw it. UNAVAILABLE: nobody is there. TIMEOUT: nobody answered in time.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (rpc_method, error_type) (rate(rpc_client_call_duration_seconds_count{error_type!=""}[$__rate_interval]))',
          legend: "{{rpc_method}} {{error_type}}",
        },
      ],
    },
    {
      title: "HTTP answers, by status",
      description: "4xx are the callers' mistakes, 5xx the system's.",
      unit: "reqps",
      kind: "stacked",
      queries: [
        {
          expr: "sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count[$__rate_interval]))",
          legend: "{{http_response_status_code}}",
        },
      ],
    },
    {
      title: "Tried again",
      description: "Reactions that failed and come again after a while.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (operation) (rate(warren_retries_total{service=~"$service"}[$__rate_interval]))',
          legend: "{{operation}}",
        },
      ],
    },
    {
      title: "Given up",
      description: "New dead letters, by reason. They wait in <service>.dead for a decision.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (service, reason) (rate(warren_dead_letters_total{service=~"$service"}[$__rate_interval]))',
          legend: "{{service}} {{reason}}",
        },
      ],
    },
    {
      title: "Errors of jobs, by kind",
      description: "no_worker_available: a call reached nobody. job_max_retries_exceeded: a dead letter.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (service, error_type) (rate(microservices_job_errors_total{service=~"worker-($service|client)"}[$__rate_interval]))',
          legend: "{{service}} {{error_type}}",
        },
      ],
    },
  ],
};
