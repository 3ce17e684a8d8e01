/**
 * The checkpoint of a container: what containerd can't hold (times, exit code, reason), one small
 * JSON file with the field names of containerd's CRI plugin, replaced atomically.
 */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import { parseGoJson } from "./go_json.ts";
import type { ContainerState } from "./status.ts";
import { checkVersion, VERSION } from "./version.ts";

export interface Checkpoint {
  readonly createdAtNs: bigint;
  readonly state: ContainerState;
}

const integer = v.optional(v.union([v.bigint(), v.pipe(v.number(), v.integer())]), 0);
const text = v.optional(v.string(), "");

const schema = v.object({
  Version: v.literal(VERSION),
  Pid: integer,
  CreatedAt: integer,
  StartedAt: integer,
  FinishedAt: integer,
  ExitCode: integer,
  Reason: text,
  Message: text,
});

export function encodeCheckpoint({ createdAtNs, state }: Checkpoint): string {
  const startedAtNs = state.kind === "created" ? 0n : state.startedAtNs;
  const exited = state.kind === "exited" ? state : undefined;
  const fields: [string, string][] = [
    ["Version", JSON.stringify(VERSION)],
    ["Pid", String(state.kind === "running" ? state.pid : 0)],
    ["CreatedAt", createdAtNs.toString()],
    ["StartedAt", startedAtNs.toString()],
    ["FinishedAt", (exited?.finishedAtNs ?? 0n).toString()],
    ["ExitCode", String(exited?.exitCode ?? 0)],
    ["Reason", JSON.stringify(exited?.reason ?? "")],
    ["Message", JSON.stringify(exited?.message ?? "")],
  ];
  return `{${fields.map(([name, json]) => `"${name}":${json}`).join(",")}}`;
}

/** @throws CriError internal when the text isn't a checkpoint, cut off for example */
export function decodeCheckpoint(json: string): Checkpoint {
  let stored: v.InferOutput<typeof schema>;
  try {
    const parsed = parseGoJson(json);
    checkVersion(parsed, "The checkpoint");
    stored = v.parse(schema, parsed);
  } catch (cause) {
    if (cause instanceof CriError) throw cause;
    throw new CriError("internal", "The checkpoint can't be read", { cause });
  }
  return { createdAtNs: BigInt(stored.CreatedAt), state: stateOf(stored) };
}

function stateOf(stored: v.InferOutput<typeof schema>): ContainerState {
  const startedAtNs = BigInt(stored.StartedAt);
  const finishedAtNs = BigInt(stored.FinishedAt);
  if (finishedAtNs !== 0n) {
    return {
      kind: "exited",
      startedAtNs,
      finishedAtNs,
      exitCode: Number(stored.ExitCode),
      reason: stored.Reason,
      message: stored.Message,
    };
  }
  if (startedAtNs !== 0n) return { kind: "running", startedAtNs, pid: Number(stored.Pid) };
  return BigInt(stored.CreatedAt) === 0n ? { kind: "unknown", startedAtNs } : { kind: "created" };
}
