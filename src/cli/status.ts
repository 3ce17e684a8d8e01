/** `cri-containerd status`: whether the daemon serves, for people, scripts and installers. */
import { CriError, isKind } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { loadConfig } from "../config/load.ts";
import { CriClient } from "../cri/client.ts";
import {
  RuntimeServiceDefinition,
  type StatusResponse,
  type VersionResponse,
} from "../gen/cri/v1/api.ts";
import { print, printError, printJson } from "./output.ts";

const POLL_MS = 200;

export interface StatusFlags {
  config?: string;
  json?: boolean;
  /** Seconds to wait for the daemon to be ready. */
  wait?: string;
}

/** What a daemon that answers says. */
interface Report {
  readonly version: VersionResponse;
  readonly status: StatusResponse;
  /** Undefined while it is still finding them. */
  readonly pods: number | undefined;
}

const { version, status, listPodSandbox } = RuntimeServiceDefinition.methods;

/** 0 when pods can be run but for their network, which add-ons bring later; 1 when they can't. */
export async function printStatus(o: StatusFlags): Promise<number> {
  const { config } = loadConfig(o.config === undefined ? {} : { path: o.config });
  const until = performance.now() + Number(o.wait ?? "0") * 1_000;
  while (true) {
    const report = await ask(config.listen);
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

/** Nobody answering is an answer too. */
async function ask(listen: string): Promise<Report | CriError> {
  // A new connection each time: one that was refused is tried again by itself only later.
  using client = new CriClient(listen);
  try {
    return {
      version: await client.call(version, { version: "" }),
      status: await client.call(status, { verbose: false }),
      pods: await client.call(listPodSandbox, { filter: undefined })
        .then(({ items }) => items.length, whileRecovering),
    };
  } catch (error) {
    if (isKind(error, "unavailable", "deadlineExceeded")) return error;
    throw error;
  }
}

/** Lists are refused until the daemon knows its pods. */
function whileRecovering(error: unknown): undefined {
  if (!isKind(error, "unavailable")) throw error;
}

function isReady({ status, pods }: Report): boolean {
  const condition = status.status?.conditions.find(({ type }) => type === "RuntimeReady");
  return condition?.status === true && pods !== undefined;
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
