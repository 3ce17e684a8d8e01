/** Whether a daemon serves, asked from outside. */
import { type CriError, isKind } from "../base/errors.ts";
import {
  RuntimeServiceDefinition,
  type StatusResponse,
  type VersionResponse,
} from "../gen/cri/v1/api.ts";
import { CriClient } from "./client.ts";

/** What a daemon that answers says. */
export interface Report {
  readonly version: VersionResponse;
  readonly status: StatusResponse;
  /** Undefined while it is still finding them. */
  readonly pods: number | undefined;
}

const { version, status, listPodSandbox } = RuntimeServiceDefinition.methods;

/** Nobody answering is an answer too. */
export async function askDaemon(listen: string): Promise<Report | CriError> {
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

/** Whether pods can be run, but for their network, which add-ons bring later. */
export function isReady({ status, pods }: Report): boolean {
  const condition = status.status?.conditions.find(({ type }) => type === "RuntimeReady");
  return condition?.status === true && pods !== undefined;
}
