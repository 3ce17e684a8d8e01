/** Tasks: the processes of containers, which a shim holds. */
import { CriError, isKind } from "../base/errors.ts";
import type { Mount } from "./mount.ts";
import type { TypedAny } from "./types.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { checkpointOptions } from "./runtime_options.ts";
import { toNs } from "./types.ts";
import type { Process, Status } from "../gen/containerd/types/task/task.ts";
import type { Timestamp } from "../gen/google/protobuf/timestamp.ts";
import * as calls from "./task_calls.ts";

export interface NewTask {
  /** Of a container record, which gives spec and runtime. */
  id: string;
  rootfs: Mount[];
  /** FIFO paths; "" for none. */
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
  options?: TypedAny;
}

export interface NewExec {
  id: string;
  execId: string;
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
  /** An OCI `Process` as JSON. */
  spec: TypedAny;
}

export interface Exit {
  /** 0 from `wait`, which isn't told it. */
  pid: number;
  /** 128 + the signal's number for a process that a signal ended. */
  exitCode: number;
  exitedAtNs: bigint;
}

export type TaskStatus = "unknown" | "created" | "running" | "stopped" | "paused" | "pausing";

export interface TaskInfo {
  /** The container's id, also of an exec. */
  id: string;
  /** "" for the container's own process. */
  execId: string;
  pid: number;
  status: TaskStatus;
  exitCode: number;
  /** 0n while it runs. */
  exitedAtNs: bigint;
  stdin: string;
  stdout: string;
  stderr: string;
  terminal: boolean;
}

/** Both are there already. */
export interface CheckpointFolders {
  /** For the images of its processes. */
  imagePath: string;
  /** For what is written about the work. */
  workPath: string;
}

/** Which process of a task; the container's own without `execId`. */
export interface ProcessOptions extends CallOptions {
  execId?: string;
}

/**
 * All throw `notFound` for a task or process that is not there, and `kill` for one that has exited.
 * create, start, delete and exec may take 120 s, `wait` has no limit but its signal.
 */
export interface Tasks {
  /** Starts the shim and makes the process; returns its pid. */
  create(t: NewTask, o?: CallOptions): Promise<number>;
  start(id: string, o?: CallOptions): Promise<number>;
  /** `all` signals every process in the container. */
  kill(id: string, signal: number, o?: ProcessOptions & { all?: boolean }): Promise<void>;
  /** Removes a task that is created or stopped. @throws failedPrecondition while it runs */
  delete(id: string, o?: CallOptions): Promise<Exit>;
  get(id: string, o?: ProcessOptions): Promise<TaskInfo>;
  /** Asks every shim. */
  list(o?: CallOptions): Promise<TaskInfo[]>;
  /** Waits for the exit; answers at once when it has happened. */
  wait(id: string, o?: ProcessOptions): Promise<Exit>;
  exec(e: NewExec, o?: CallOptions): Promise<void>;
  startExec(id: string, execId: string, o?: CallOptions): Promise<number>;
  deleteExec(id: string, execId: string, o?: CallOptions): Promise<Exit>;
  resize(
    id: string,
    size: { width: number; height: number },
    o?: ProcessOptions,
  ): Promise<void>;
  closeStdin(id: string, o?: ProcessOptions): Promise<void>;
  /** Changes resources in place: an OCI `LinuxResources` as JSON. */
  update(id: string, resources: TypedAny, o?: CallOptions): Promise<void>;
  /** Holds all its processes still; {@link resume} lets them go on. */
  pause(id: string, o?: CallOptions): Promise<void>;
  resume(id: string, o?: CallOptions): Promise<void>;
  /**
   * Has the runtime write its processes into a folder; it goes on running. For runc, by CRIU. It has
   * no limit but its signal.
   */
  checkpoint(id: string, folders: CheckpointFolders, o?: CallOptions): Promise<void>;
  /** All processes of the container, as the host numbers them. */
  pids(id: string, o?: CallOptions): Promise<number[]>;
}

/** By number in containerd.v1.types.Status. */
const STATUSES: readonly TaskStatus[] = [
  "unknown",
  "created",
  "running",
  "stopped",
  "paused",
  "pausing",
];

export function tasks(channel: Calls): Tasks {
  return { ...lifecycle(channel), ...execs(channel), ...controls(channel) };
}

function lifecycle(
  channel: Calls,
): Pick<Tasks, "create" | "start" | "kill" | "delete" | "get" | "list" | "wait"> {
  return {
    create: async (t, o) => {
      const { id: containerId, options, ...rest } = t;
      const request = { ...rest, containerId, options, checkpoint: undefined, runtimePath: "" };
      return (await channel.unary(calls.CREATE, request, o)).pid;
    },
    start: async (id, o) =>
      (await channel.unary(calls.START, { containerId: id, execId: "" }, o)).pid,
    kill: async (id, signal, o) => {
      const request = { ...processOf(id, o), signal, all: o?.all ?? false };
      await orGone(channel, request, channel.unary(calls.KILL, request, o));
    },
    delete: (id, o) => deleteTask(channel, id, o),
    get: async (id, o) => {
      const { process } = await channel.unary(calls.GET, processOf(id, o), o);
      return toInfo(process, id);
    },
    list: async (o) =>
      (await channel.unary(calls.LIST, { filter: "" }, o)).tasks.map((p) => toInfo(p, "")),
    wait: async (id, o) => {
      const request = processOf(id, o);
      const waiting = channel.unary(calls.WAIT, request, o);
      const { exitStatus, exitedAt } = await orGone(channel, request, waiting);
      return toExit({ pid: 0, exitStatus, exitedAt });
    },
  };
}

/**
 * The answer to a call. A shim that lets go of its task meanwhile closes the connection under it,
 * which 1.6 tells as UNKNOWN: whether the task is gone is asked again then.
 */
async function orGone<T>(
  channel: Calls,
  { containerId, execId }: { containerId: string; execId: string },
  answer: Promise<T>,
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isKind(error, "internal")) await channel.unary(calls.GET, { containerId, execId });
    throw error;
  }
}

async function deleteTask(channel: Calls, id: string, o?: CallOptions): Promise<Exit> {
  try {
    return toExit(await channel.unary(calls.DELETE, { containerId: id }, o));
  } catch (error) {
    // Shims refuse a running task without a code of its own (1.6: UNKNOWN).
    if (!isKind(error, "internal")) throw error;
    const { process } = await channel.unary(calls.GET, processOf(id, undefined), o);
    const status = toStatus(process?.status ?? 0);
    if (status === "stopped" || status === "created") throw error;
    throw new CriError("failedPrecondition", error.message, { cause: error });
  }
}

function execs(channel: Calls): Pick<Tasks, "exec" | "startExec" | "deleteExec"> {
  return {
    exec: async ({ id: containerId, ...rest }, o) => {
      await channel.unary(calls.EXEC, { ...rest, containerId }, o);
    },
    startExec: async (id, execId, o) =>
      (await channel.unary(calls.START, { containerId: id, execId }, o)).pid,
    deleteExec: async (id, execId, o) =>
      toExit(await channel.unary(calls.DELETE_PROCESS, { containerId: id, execId }, o)),
  };
}

type Controls = "resize" | "closeStdin" | "update" | "pids" | "pause" | "resume" | "checkpoint";

function controls(channel: Calls): Pick<Tasks, Controls> {
  return {
    resize: async (id, { width, height }, o) => {
      await channel.unary(calls.RESIZE, { ...processOf(id, o), width, height }, o);
    },
    closeStdin: async (id, o) => {
      await channel.unary(calls.CLOSE_IO, { ...processOf(id, o), stdin: true }, o);
    },
    update: async (id, resources, o) => {
      const request = { containerId: id, resources, annotations: new Map<string, string>() };
      await channel.unary(calls.UPDATE, request, o);
    },
    pause: async (id, o) => {
      await channel.unary(calls.PAUSE, { containerId: id }, o);
    },
    resume: async (id, o) => {
      await channel.unary(calls.RESUME, { containerId: id }, o);
    },
    checkpoint: async (id, folders, o) => {
      const options = checkpointOptions(folders);
      const request = { containerId: id, parentCheckpoint: "", options };
      await channel.unary(calls.CHECKPOINT, request, o);
    },
    pids: async (id, o) =>
      (await channel.unary(calls.LIST_PIDS, { containerId: id }, o)).processes.map((p) => p.pid),
  };
}

function processOf(id: string, o: ProcessOptions | undefined) {
  return { containerId: id, execId: o?.execId ?? "" };
}

function toExit(
  exit: { pid: number; exitStatus: number; exitedAt: Timestamp | undefined },
): Exit {
  return { pid: exit.pid, exitCode: exit.exitStatus, exitedAtNs: toNs(exit.exitedAt) };
}

function toStatus(status: Status): TaskStatus {
  return STATUSES[status] ?? "unknown";
}

/**
 * A process as a shim tells of it. `id` is the container that was asked for: shims put the exec's
 * id or the container's into `id`, and containerd 1.6 leaves `containerId` empty.
 */
function toInfo(p: Process | undefined, asked: string): TaskInfo {
  const own = p?.id ?? "";
  const id = asked !== "" ? asked : p?.containerId || own;
  return {
    id,
    execId: own === id ? "" : own,
    pid: p?.pid ?? 0,
    status: toStatus(p?.status ?? 0),
    exitCode: p?.exitStatus ?? 0,
    exitedAtNs: toNs(p?.exitedAt),
    stdin: p?.stdin ?? "",
    stdout: p?.stdout ?? "",
    stderr: p?.stderr ?? "",
    terminal: p?.terminal ?? false,
  };
}
