/** One question to Prometheus, and what its answers are called. */
export interface Query {
  readonly expr: string;
  /** With labels as `{{label}}`. */
  readonly legend?: string;
}

export interface Panel {
  readonly title: string;
  /** What it shows and what to look for. */
  readonly description: string;
  readonly kind?: "lines" | "stacked" | "heatmap" | "number" | "table";
  /** As Grafana calls it: `reqps`, `s`, `bytes`, `percentunit`, `short` … */
  readonly unit?: string;
  /** The share of the 24 columns. @default 12 */
  readonly width?: number;
  /** From 0 upwards, where a value begins to be bad. */
  readonly alarmAt?: number;
  readonly queries: readonly Query[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Chosen above the panels; `$name` in their queries, which matches all where nothing is chosen. */
  readonly variables?: readonly { readonly name: string; readonly label: string; readonly values: string }[];
  readonly panels: readonly Panel[];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in.
const datasource = { type: "prometheus", uid: "${datasource}" };
const height = 8;
const columns = 24;

/** A dashboard in the form that Grafana reads from a file. */
export function grafanaJson(dashboard: Dashboard): object {
  const { uid, title, description, variables = [], panels } = dashboard;
  return {
    uid,
    title,
    description,
    tags: ["warren"],
    editable: true,
    graphTooltip: 1,
    schemaVersion: 39,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    links: [{ type: "dashboards", tags: ["warren"], title: "Warren", asDropdown: true, keepTime: true }],
    templating: { list: [datasourceVariable, ...variables.map(variableJson)] },
    panels: placed(panels),
  };
}

const datasourceVariable = {
  name: "datasource",
  label: "Prometheus",
  type: "datasource",
  query: "prometheus",
  current: { text: "Prometheus", value: "prometheus" },
};

function variableJson({ name, label, values }: NonNullable<Dashboard["variables"]>[number]): object {
  return {
    name,
    label,
    type: "query",
    datasource,
    query: { query: values, refId: name },
    definition: values,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: ["All"], value: ["$__all"] },
  };
}

function placed(panels: readonly Panel[]): object[] {
  let x = 0;
  let y = 0;
  return panels.map((panel, index) => {
    const w = panel.width ?? 12;
    if (x + w > columns) {
      x = 0;
      y += height;
    }
    const gridPos = { h: height, w, x, y };
    x += w;
    return { id: index + 1, gridPos, ...panelJson(panel) };
  });
}

const types = {
  lines: "timeseries",
  stacked: "timeseries",
  heatmap: "heatmap",
  number: "stat",
  table: "table",
} as const;

function panelJson(panel: Panel): object {
  const { title, description, kind = "lines", queries } = panel;
  const instant = kind === "number" || kind === "table";
  return {
    type: types[kind],
    title,
    description,
    datasource,
    targets: queries.map(({ expr, legend = "__auto" }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat: legend,
      ...(instant ? { instant: true, range: false } : { range: true }),
      format: kind === "heatmap" || kind === "table" ? kind : "time_series",
    })),
    fieldConfig: { defaults: defaultsOf(panel), overrides: [] },
    options: optionsOf(panel),
  };
}

function defaultsOf({ kind = "lines", unit = "short", alarmAt }: Panel): object {
  const steps = [
    { color: "green", value: null },
    ...(alarmAt === undefined ? [] : [{ color: "red", value: alarmAt }]),
  ];
  const lines = {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: kind === "stacked" ? 30 : 10,
    showPoints: "never",
    spanNulls: false,
    stacking: { mode: kind === "stacked" ? "normal" : "none" },
    thresholdsStyle: { mode: alarmAt === undefined ? "off" : "dashed" },
  };
  const isDrawn = kind === "lines" || kind === "stacked";
  return {
    unit,
    min: 0,
    thresholds: { mode: "absolute", steps },
    color: { mode: kind === "number" ? "thresholds" : "palette-classic" },
    ...(isDrawn && { custom: lines }),
  };
}

function optionsOf({ kind = "lines", unit = "short" }: Panel): object {
  if (kind === "heatmap")
    return { calculate: false, yAxis: { unit }, color: { scheme: "Blues", mode: "scheme", steps: 64 } };
  if (kind === "table") return { showHeader: true };
  if (kind === "number")
    return { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "value", graphMode: "none" };
  return {
    legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"] },
    tooltip: { mode: "multi", sort: "desc" },
  };
}
