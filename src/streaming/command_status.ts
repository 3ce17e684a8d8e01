/** What a command's error stream says at the end, by version of the channel protocol. */
import type { Outcome } from "./command_client.ts";

/** From this version on, the status is a Kubernetes Status object in JSON. */
const JSON_VERSION = 4;

/** The bytes for the error stream; empty for "all is well" in old versions. */
export function statusBytes(outcome: Outcome, version: number): Uint8Array {
  const text = version >= JSON_VERSION ? JSON.stringify(statusOf(outcome)) : plainText(outcome);
  return new TextEncoder().encode(text);
}

function plainText(outcome: Outcome): string {
  if (outcome.kind === "failed") return outcome.message;
  return outcome.exitCode === 0 ? "" : exitMessage(outcome.exitCode);
}

/** Reasons and causes as clients of Kubernetes look for them. */
function statusOf(outcome: Outcome): object {
  if (outcome.kind === "failed") {
    return {
      metadata: {},
      status: "Failure",
      message: outcome.message,
      reason: "InternalError",
      details: { causes: [{ message: outcome.message }] },
      code: 500,
    };
  }
  const { exitCode } = outcome;
  if (exitCode === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: exitMessage(exitCode),
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}

function exitMessage(exitCode: number): string {
  return `command terminated with non-zero exit code: exit code ${exitCode}`;
}
