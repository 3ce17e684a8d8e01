/** The calls of containerd's task service; `tasks.ts` gives them their meaning. */
import { TasksDefinition } from "../gen/containerd/services/tasks/v1/tasks.ts";
import { LIST_TIMEOUT_MS, NO_TIMEOUT, quoted, rpc, SHIM_TIMEOUT_MS } from "./rpc.ts";

const { methods } = TasksDefinition;

/** Names the task, or the exec where there is one. */
const on = (verb: string) => (r: { containerId: string; execId?: string }) =>
  r.execId === undefined || r.execId === ""
    ? `${verb} task ${quoted(r.containerId)}`
    : `${verb} exec ${quoted(r.execId)} in task ${quoted(r.containerId)}`;
const shim = (verb: string) => ({ action: on(verb), timeoutMs: SHIM_TIMEOUT_MS });

export const CREATE = rpc(TasksDefinition, methods.create, shim("create"));
export const START = rpc(TasksDefinition, methods.start, shim("start"));
export const DELETE = rpc(TasksDefinition, methods.delete, shim("delete"));
export const DELETE_PROCESS = rpc(TasksDefinition, methods.deleteProcess, shim("delete"));
export const EXEC = rpc(TasksDefinition, methods.exec, shim("prepare"));
export const GET = rpc(TasksDefinition, methods.get, { action: on("read") });
export const KILL = rpc(TasksDefinition, methods.kill, { action: on("signal") });
export const RESIZE = rpc(TasksDefinition, methods.resizePty, { action: on("resize") });
export const CLOSE_IO = rpc(TasksDefinition, methods.closeIO, { action: on("close stdin of") });
export const LIST_PIDS = rpc(TasksDefinition, methods.listPids, { action: on("list pids of") });
export const UPDATE = rpc(TasksDefinition, methods.update, { action: on("update") });
export const PAUSE = rpc(TasksDefinition, methods.pause, shim("pause"));
export const RESUME = rpc(TasksDefinition, methods.resume, shim("resume"));
export const CHECKPOINT = rpc(TasksDefinition, methods.checkpoint, {
  action: on("checkpoint"),
  timeoutMs: NO_TIMEOUT,
});
export const LIST = rpc(TasksDefinition, methods.list, {
  action: () => "list tasks",
  timeoutMs: LIST_TIMEOUT_MS,
});
export const WAIT = rpc(TasksDefinition, methods.wait, {
  action: on("wait for"),
  timeoutMs: NO_TIMEOUT,
});
