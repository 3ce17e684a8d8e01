// deno-lint-ignore-file require-await -- the interface is asynchronous, the fake answers at once
/** Tasks of the fake containerd: created → running → stopped, with whoever waits for the end. */
import { CriError, notFound } from "../../src/base/errors.ts";
import type { Exit, TaskInfo, Tasks } from "../../src/containerd/tasks.ts";
import type { FakeProcess, FakeTask, FakeWorld } from "./containerd_world.ts";

export function fakeTasks(world: FakeWorld): Tasks {
  return { ...lifecycle(world), ...execs(world), ...controls(world) };
}

function taskOf(world: FakeWorld, id: string): FakeTask {
  const task = world.tasks.get(id);
  if (task === undefined) throw notFound("task", id);
  return task;
}

function processOf(world: FakeWorld, id: string, execId = ""): FakeProcess {
  const task = taskOf(world, id);
  if (execId === "") return task;
  const exec = task.execs.get(execId);
  if (exec === undefined) throw notFound("exec", execId);
  return exec;
}

function newInfo(world: FakeWorld, from: Partial<TaskInfo> & { id: string }): TaskInfo {
  return {
    execId: "",
    pid: world.newPid(),
    status: "created",
    exitCode: 0,
    exitedAtNs: 0n,
    stdin: "",
    stdout: "",
    stderr: "",
    terminal: false,
    ...from,
  };
}

function lifecycle(
  world: FakeWorld,
): Pick<Tasks, "create" | "start" | "kill" | "delete" | "get" | "list" | "wait"> {
  return {
    create: async (request) => {
      const { id, stdin, stdout, stderr, terminal } = request;
      if (!world.containers.has(id)) throw notFound("container record", id);
      if (world.tasks.has(id)) throw new CriError("alreadyExists", `task ${id} exists already`);
      const info = newInfo(world, { id, stdin, stdout, stderr, terminal });
      const exited = Promise.withResolvers<void>();
      world.tasks.set(id, { info, request, exited, execs: new Map() });
      world.emit({ kind: "other", topic: "/tasks/create" });
      return info.pid;
    },
    start: async (id) => startProcess(world, id, ""),
    kill: async (id, signal, o) => {
      const process = processOf(world, id, o?.execId);
      if (process.info.status === "stopped") throw notFound("running process of", id);
      const exitCode = world.exitCodeOf(id, signal);
      if (exitCode !== undefined) world.exit(id, exitCode, o?.execId);
    },
    delete: async (id) => {
      const { info } = taskOf(world, id);
      if (info.status === "running" || info.status === "paused") {
        throw new CriError("failedPrecondition", `task ${id} must be stopped before deletion`);
      }
      world.tasks.delete(id);
      const exit = exitOf(info);
      const topic = "/tasks/delete";
      world.emit({ kind: "taskDelete", topic, containerId: id, execId: "", ...exit });
      return exit;
    },
    get: async (id, o) => ({ ...processOf(world, id, o?.execId).info }),
    list: async () => [...world.tasks.values()].map(({ info }) => ({ ...info })),
    wait: async (id, o) => {
      const process = processOf(world, id, o?.execId);
      await process.exited.promise;
      return { ...exitOf(process.info), pid: 0 };
    },
  };
}

function execs(world: FakeWorld): Pick<Tasks, "exec" | "startExec" | "deleteExec"> {
  return {
    exec: async ({ spec: _, ...e }) => {
      const task = taskOf(world, e.id);
      if (task.info.status !== "running") {
        throw new CriError("failedPrecondition", `task ${e.id} isn't running`);
      }
      if (task.execs.has(e.execId)) {
        throw new CriError("alreadyExists", `exec ${e.execId} exists already`);
      }
      const info = { ...newInfo(world, e), pid: 0 };
      task.execs.set(e.execId, { info, exited: Promise.withResolvers() });
    },
    startExec: async (id, execId) => startProcess(world, id, execId),
    deleteExec: async (id, execId) => {
      const { info } = processOf(world, id, execId);
      if (info.status === "running") {
        throw new CriError("failedPrecondition", `exec ${execId} must be stopped before deletion`);
      }
      taskOf(world, id).execs.delete(execId);
      return exitOf(info);
    },
  };
}

type Controls = "resize" | "closeStdin" | "update" | "pids" | "pause" | "resume" | "checkpoint";

function controls(world: FakeWorld): Pick<Tasks, Controls> {
  const find = async (id: string, o?: { execId?: string }) => {
    processOf(world, id, o?.execId);
  };
  return {
    resize: (id, _size, o) => find(id, o),
    closeStdin: (id, o) => find(id, o),
    update: (id) => find(id),
    pause: async (id) => turn(world, id, { from: "running", to: "paused" }),
    resume: async (id) => turn(world, id, { from: "paused", to: "running" }),
    checkpoint: async (id, { imagePath, workPath }) => {
      taskOf(world, id);
      await Deno.writeTextFile(`${workPath}/dump.log`, "(00.1) Dumping finished\n");
      await Deno.writeTextFile(`${imagePath}/pages-1.img`, "pages");
      await Deno.writeTextFile(`${imagePath}/core-1.img`, "core");
    },
    pids: async (id) => {
      const task = taskOf(world, id);
      const running = [task, ...task.execs.values()].filter((p) => p.info.status !== "stopped");
      return running.map((p) => p.info.pid);
    },
  };
}

function turn(
  world: FakeWorld,
  id: string,
  { from, to }: { from: TaskInfo["status"]; to: TaskInfo["status"] },
): void {
  const { info } = taskOf(world, id);
  if (info.status !== from) {
    throw new CriError("failedPrecondition", `task ${id} is ${info.status}`);
  }
  info.status = to;
}

function startProcess(world: FakeWorld, id: string, execId: string): number {
  const { info } = processOf(world, id, execId);
  if (info.status !== "created") {
    throw new CriError("failedPrecondition", `process of ${id} is ${info.status}`);
  }
  if (info.pid === 0) info.pid = world.newPid();
  info.status = "running";
  if (execId === "") {
    world.emit({ kind: "taskStart", topic: "/tasks/start", containerId: id, pid: info.pid });
  } else world.emit({ kind: "other", topic: "/tasks/exec-started" });
  const exitsWith = world.programs.get(execId === "" ? id : `${id}/${execId}`)?.exitsWith;
  if (exitsWith !== undefined) queueMicrotask(() => world.exit(id, exitsWith, execId));
  return info.pid;
}

function exitOf({ pid, exitCode, exitedAtNs }: TaskInfo): Exit {
  return { pid, exitCode, exitedAtNs };
}
