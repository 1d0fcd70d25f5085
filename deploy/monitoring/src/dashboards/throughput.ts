import type { Dashboard } from "../dashboard.ts";
import { service } from "./variables.ts";

export const throughput: Dashboard = {
  uid: "warren-throughput",
  title: "Warren: throughput",
  description: "How much is sent, taken and done, by service and type.",
  variables: [service],
  panels: [
    {
      title: "Received, by service and type",
      description: "job_request is a call or an event, job_activated one whose handler began.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (service, type) (rate(microservices_messages_received_total{service=~"system-manager|worker-($service)"}[$__rate_interval]))',
          legend: "{{service}} {{type}}",
        },
      ],
    },
    {
      title: "Sent, by service and type",
      description: "job_ack is work that is done, error an answer that is a fault.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (service, type) (rate(microservices_messages_sent_total{service=~"system-manager|worker-($service)"}[$__rate_interval]))',
          legend: "{{service}} {{type}}",
        },
      ],
    },
    {
      title: "Done, by operation",
      description: "Handlers that ended, well or not.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (operation) (rate(messaging_process_duration_seconds_count{service=~"$service"}[$__rate_interval]))',
          legend: "{{operation}}",
        },
      ],
    },
    {
      title: "Taken, by queue",
      description: "Messages that instances took in hand.",
      unit: "reqps",
      queries: [
        {
          expr: 'sum by (messaging_destination_name) (rate(messaging_client_consumed_messages_total{service=~"$service"}[$__rate_interval]))',
          legend: "{{messaging_destination_name}}",
        },
      ],
    },
    {
      title: "Handed to the broker",
      description: "send: calls, to the queue of a service. publish: events, to an exchange.",
      unit: "reqps",
      queries: [
        {
          expr: "sum by (messaging_operation_name, messaging_destination_name) (rate(messaging_client_sent_messages_total[$__rate_interval]))",
          legend: "{{messaging_operation_name}} {{messaging_destination_name}}",
        },
      ],
    },
    {
      title: "Calls, by method",
      description: "As their callers count them.",
      unit: "reqps",
      queries: [
        {
          expr: "sum by (rpc_method) (rate(rpc_client_call_duration_seconds_count[$__rate_interval]))",
          legend: "{{rpc_method}}",
        },
      ],
    },
    {
      title: "HTTP requests, by route",
      description: "What the gateway answers. Paths that are none of its routes have no route.",
      unit: "reqps",
      width: 24,
      queries: [
        {
          expr: "sum by (http_request_method, http_route) (rate(http_server_request_duration_seconds_count[$__rate_interval]))",
          legend: "{{http_request_method}} {{http_route}}",
        },
      ],
    },
  ],
};
