/** Services, as those that run name themselves. */
export const service = {
  name: "service",
  label: "Service",
  values: "label_values(warren_instances, service)",
};

/** Processes, as Prometheus knows them. */
export const instance = {
  name: "instance",
  label: "Process",
  values: 'label_values(up{job="warren"}, instance)',
};
