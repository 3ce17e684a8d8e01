/** `cri-containerd status`: whether the daemon serves, for people, scripts and installers. */
import { pause } from "../base/pause.ts";
import { loadConfig } from "../config/load.ts";
import { askDaemon, isReady, type Report } from "../cri/readiness.ts";
import { print, printError, printJson } from "./output.ts";

const POLL_MS = 200;

export interface StatusFlags {
  config?: string;
  json?: boolean;
  /** Seconds to wait for the daemon to be ready. */
  wait?: string;
}

/** 0 when pods can be run but for their network, which add-ons bring later; 1 when they can't. */
export async function printStatus(o: StatusFlags): Promise<number> {
  const { config } = loadConfig(o.config === undefined ? {} : { path: o.config });
  const until = performance.now() + Number(o.wait ?? "0") * 1_000;
  while (true) {
    const report = await askDaemon(config.listen);
    const isError = report instanceof Error;
    if (!isError && isReady(report)) {
      show(report, o);
      return 0;
    }
    if (performance.now() >= until) {
      if (isError) printError(`cri-containerd: ${report.text}\n`);
      else show(report, o);
      return 1;
    }
    await pause(POLL_MS, new AbortController().signal);
  }
}

function show(report: Report, { json }: StatusFlags): void {
  const { runtimeName, runtimeVersion } = report.version;
  const conditions = report.status.status?.conditions ?? [];
  if (json === true) {
    printJson({ runtimeName, runtimeVersion, pods: report.pods, conditions });
    return;
  }
  const pods = report.pods === undefined ? "still finding its pods" : `${report.pods} pods`;
  print(`${runtimeName} ${runtimeVersion}, ${pods}\n`);
  for (const { type, status, message } of conditions) {
    print(`${type}: ${status ? "yes" : `no: ${message}`}\n`);
  }
}
