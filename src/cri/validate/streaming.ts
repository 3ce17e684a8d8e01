/** Checks of requests that run or reach into what runs, before anything is done. */
import { invalidArgument } from "../../base/errors.ts";
import type { ExecSyncRequest } from "../../gen/cri/v1/api.ts";
import { checkId, checkNoNul, checkRange } from "./fields.ts";

const MAX_TIMEOUT_SECONDS = 10n * 365n * 86_400n;

/** @throws CriError invalidArgument naming the field */
export function checkExecSync({ containerId, cmd, timeout }: ExecSyncRequest): void {
  checkId("container_id", containerId);
  checkCommand(cmd);
  checkRange("timeout", timeout, { min: 0n, max: MAX_TIMEOUT_SECONDS });
}

function checkCommand(cmd: readonly string[]): void {
  if (cmd.length === 0 || cmd[0] === "") throw invalidArgument("cmd", "is missing");
  checkNoNul("cmd", cmd);
}
