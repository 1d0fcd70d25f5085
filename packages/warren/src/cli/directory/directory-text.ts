import type { DirectoryChange, DirectoryInstance, DirectoryService } from "../../index.ts";
import { oneLine, table } from "../table.ts";
import { ago, dateOf } from "../text.ts";

/** A table of all instances, with what is to be said of them below. */
export function directoryLines(services: readonly DirectoryService[], width: number): string[] {
  const alive = services.filter(({ instances }) => instances.length > 0);
  const down = services.filter(({ instances }) => instances.length === 0).map(({ name }) => name);
  const columns = [
    { title: "SERVICE" },
    { title: "ID" },
    { title: "VERSION", least: 7 },
    { title: "CONTRACT" },
    { title: "HOST", least: 8 },
    { title: "SINCE", right: true },
    { title: "LOAD", right: true },
    { title: "STATE" },
  ];
  const rows = alive.flatMap((service) => service.instances.map((each) => row(service, each)));
  const count = rows.length === 1 ? "1 instance" : `${rows.length.toLocaleString("en")} instances`;
  return [
    ...(rows.length > 0 ? [...table(columns, rows, width), ""] : []),
    `${count} of ${alive.length === 1 ? "1 service" : `${alive.length} services`}.`,
    ...alive.flatMap(sideBySide),
    ...(down.length > 0 ? [`No instance is there of: ${down.map(oneLine).join(", ")}.`] : []),
  ];
}

function row({ versions, fingerprints }: DirectoryService, each: DirectoryInstance): string[] {
  const mark = (isMixed: boolean): string => (isMixed ? " !" : "");
  return [
    each.service,
    each.id,
    `${each.version ?? "-"}${mark(versions.length > 1)}`,
    `${each.fingerprint.slice(0, 8)}${mark(fingerprints.length > 1)}`,
    `${each.host}:${each.pid}`,
    ago(each.since),
    loadText(each),
    `${each.state}${each.stale ? " ?" : ""}`,
  ];
}

function loadText({ load }: DirectoryInstance): string {
  return load === undefined ? "-" : `${load.handlers}, ${Math.round(load.eventLoop * 100)} %`;
}

/** Nobody should have to compare columns to see it. */
function sideBySide({ name, instances, versions, fingerprints }: DirectoryService): string[] {
  const counted = (values: readonly string[], of: (each: DirectoryInstance) => string): string =>
    values
      .map(
        (value) => `${oneLine(value) || "(none)"} (${instances.filter((each) => of(each) === value).length})`,
      )
      .join(", ");
  const lines: string[] = [];
  if (versions.length > 1)
    lines.push(
      `! ${name} runs in ${versions.length} versions: ${counted(versions, ({ version = "" }) => version)}.`,
    );
  if (fingerprints.length > 1)
    lines.push(
      `! ${name} runs with ${fingerprints.length} contracts: ${counted(fingerprints, ({ fingerprint }) => fingerprint)}.`,
    );
  return lines;
}

/** One line for what somebody may want to know of; `undefined` for a load that was told anew. */
export function changeLine(change: DirectoryChange, at: number): string | undefined {
  const time = new Date(at).toISOString();
  if (change.kind === "resync") return `${time}  ${change.missed} changes were missed`;
  const { service, id, version = "-", fingerprint, host, pid, state } = change.instance;
  if (change.kind === "changed" && change.before.state === state) return undefined;
  const what = change.kind === "changed" ? state : change.kind;
  return `${time}  ${what.padEnd(7)}  ${oneLine(`${service} ${id} ${version} ${fingerprint.slice(0, 8)} ${host}:${pid}`)}`;
}

export function instanceJson({ since, heardAt, ...rest }: DirectoryInstance): object {
  return { ...rest, since: dateOf(since), heardAt: dateOf(heardAt) };
}

export function changeJson(change: DirectoryChange): object {
  return change.kind === "resync" ? change : { change: change.kind, ...instanceJson(change.instance) };
}
