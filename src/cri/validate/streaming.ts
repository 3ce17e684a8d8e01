/** Checks of requests that run or reach into what runs, before anything is done. */
import { invalidArgument } from "../../base/errors.ts";
import type {
  AttachRequest,
  ExecRequest,
  ExecSyncRequest,
  PortForwardRequest,
} from "../../gen/cri/v1/api.ts";
import { checkId, checkNoNul, checkRange } from "./fields.ts";

/** A client that names ports itself names none here; the others have channels for so many. */
const MAX_PORTS = 100;

type Streams = Pick<ExecRequest, "stdin" | "stdout" | "stderr" | "tty">;

/** The kernel's bound. */
const MAX_PATH = 4096;

const MAX_TIMEOUT_SECONDS = 10n * 365n * 86_400n;

/** @throws CriError invalidArgument naming the field */
export function checkExecSync({ containerId, cmd, timeout }: ExecSyncRequest): void {
  checkId("container_id", containerId);
  checkCommand(cmd);
  checkRange("timeout", timeout, { min: 0n, max: MAX_TIMEOUT_SECONDS });
}

/** @throws CriError invalidArgument naming the field */
export function checkExec(request: ExecRequest): void {
  checkId("container_id", request.containerId);
  checkCommand(request.cmd);
  checkStreams(request);
}

/** @throws CriError invalidArgument naming the field */
export function checkAttach(request: AttachRequest): void {
  checkId("container_id", request.containerId);
  checkStreams(request);
}

/** @throws CriError invalidArgument naming the field */
export function checkPortForward({ podSandboxId, port }: PortForwardRequest): void {
  checkId("pod_sandbox_id", podSandboxId);
  if (port.length > MAX_PORTS) throw invalidArgument("port", `${port.length} are too many`);
  port.forEach((one, at) => checkRange(`port[${at}]`, one, { min: 1, max: 65_535 }));
}

/** CRI, ExecRequest and AttachRequest: one of the streams at least, and no stderr with a terminal. */
function checkStreams({ stdin, stdout, stderr, tty }: Streams): void {
  if (!stdin && !stdout && !stderr) {
    throw invalidArgument("stdin, stdout, stderr", "none of them is wanted");
  }
  if (tty && stderr) throw invalidArgument("stderr", "a terminal has none");
}

function checkCommand(cmd: readonly string[]): void {
  if (cmd.length === 0 || cmd[0] === "") throw invalidArgument("cmd", "is missing");
  checkNoNul("cmd", cmd);
  // A runtime that meets a longer one doesn't get to say so.
  if (cmd[0] !== undefined && cmd[0].length > MAX_PATH) {
    throw invalidArgument("cmd[0]", `is longer than ${MAX_PATH} characters`);
  }
}
