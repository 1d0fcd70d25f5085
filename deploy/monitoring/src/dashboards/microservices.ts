import type { Dashboard } from "../dashboard.ts";

/** The six panels of MicroServices.js' dashboard, on the same metrics, for those who know it. */
export const microservices: Dashboard = {
  uid: "warren-microservices",
  title: "MicroServices Dashboard",
  description: "The six panels of MicroServices.js' dashboard.",
  panels: [
    {
      title: "CPU usage",
      description: "Cores in use by each process.",
      unit: "percentunit",
      queries: [{ expr: "rate(process_cpu_seconds_total[$__rate_interval])", legend: "{{instance}}" }],
    },
    {
      title: "Memory usage",
      description: "Resident memory of each process.",
      unit: "bytes",
      queries: [{ expr: "process_resident_memory_bytes", legend: "{{instance}}" }],
    },
    {
      title: "Messages received",
      description: "By service and type.",
      unit: "reqps",
      queries: [
        {
          expr: "sum by (service, type) (rate(microservices_messages_received_total[$__rate_interval]))",
          legend: "{{service}} {{type}}",
        },
      ],
    },
    {
      title: "Messages sent",
      description: "By service and type.",
      unit: "reqps",
      queries: [
        {
          expr: "sum by (service, type) (rate(microservices_messages_sent_total[$__rate_interval]))",
          legend: "{{service}} {{type}}",
        },
      ],
    },
    {
      title: "Job processing time",
      description: "95 of 100 jobs take at most this.",
      unit: "s",
      queries: [
        {
          expr: "histogram_quantile(0.95, sum by (le, service, job_type) (rate(microservices_job_processing_seconds_bucket[$__rate_interval])))",
          legend: "{{service}} {{job_type}}",
        },
      ],
    },
    {
      title: "Workers by type",
      description: "Instances alive of each service.",
      queries: [{ expr: "max by (type) (microservices_workers_total)", legend: "{{type}}" }],
    },
  ],
};
