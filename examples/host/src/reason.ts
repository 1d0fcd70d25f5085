import type { Settings } from "./settings.ts";

/** Why a start failed, in one line that says what to do. */
export function reasonOf(error: unknown, { host, port }: Settings, command: string): string {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return `port ${port} is in use. Choose another: PORT=${port + 1} ${command}`;
  if (code === "EACCES" && message.includes("listen"))
    return `port ${port} may not be listened on. Choose one above 1023: PORT=8080 ${command}`;
  const noSuchHost =
    (code === "EADDRNOTAVAIL" && syscall === "listen") ||
    (syscall === "getaddrinfo" && message.includes(host));
  if (noSuchHost)
    return `HOST ${host} is no address of this machine. Choose 127.0.0.1 for this machine only, or 0.0.0.0 for all: HOST=0.0.0.0 ${command}`;
  // What Warren calls the folder of its journal, and the port of its metrics, are settings with names of their own here.
  return message
    .replace("(dataDir, WARREN_DATA)", "(DATA_DIR)")
    .replace("OTEL_EXPORTER_PROMETHEUS_PORT or the option `port` of startTelemetry", "METRICS_PORT");
}
