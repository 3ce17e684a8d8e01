/** Logs on real FIFOs and files; processes of the system stand in for the shim. */
import assert from "node:assert/strict";
import { callChannel, Peer } from "../../src/compartments/channel.ts";
import type { IoConfig } from "../../src/compartments/io.ts";
import type { SupervisorMessage } from "../../src/compartments/start.ts";
import { openFifoForRead } from "../../src/linux/fifo.ts";
import { IO_SYMBOLS, SERVER_SYMBOLS } from "../../src/linux/symbols.ts";
import { LIBC_PATHS, openLibc } from "../../src/linux/libc.ts";
import { linuxIoOn } from "../../src/linux/linux_io.ts";
import { type LogServiceHandle, openLogService } from "../../src/logs/log_service.ts";
import type { LogOptions, LogService } from "../../src/logs/service.ts";

const libc = openLibc(IO_SYMBOLS);
const node = openLibc(SERVER_SYMBOLS);

interface Setup {
  dir: string;
  logs: string;
  start(): LogServiceHandle;
  exists(name: string): boolean;
  options(containerId: string, more?: Partial<LogOptions>): LogOptions;
}

function openFds(dir: string): string[] {
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      if (target.startsWith(dir)) found.push(target);
    } catch {
      // The folder's own number is gone by now.
    }
  }
  return found;
}

/** Ends every service that was started, and then no file may be open. */
function logsTest(name: string, body: (setup: Setup) => Promise<void>): void {
  Deno.test(name, async () => {
    const dir = await Deno.makeTempDir({ prefix: "logs-test-" });
    const logs = `${dir}/logs`;
    await Deno.mkdir(logs);
    const started: LogServiceHandle[] = [];
    try {
      await body({
        dir,
        logs,
        start: () => {
          const io = linuxIoOn(libc);
          const service = openLogService({ io, fifoDir: `${dir}/io`, logDirs: [logs] });
          started.push(service);
          return service;
        },
        exists: (name) => [...Deno.readDirSync(dir)].some((entry) => entry.name === name),
        options: (containerId, more = {}) => ({
          containerId,
          dir: `${dir}/io/${containerId}`,
          logPath: `${logs}/pod/${containerId}/0.log`,
          terminal: false,
          stdin: false,
          maxLineBytes: 16_384,
          resume: false,
          ...more,
        }),
      });
    } finally {
      for (const service of started) await service.stop();
      assert.deepEqual(openFds(dir), []);
      await Deno.remove(dir, { recursive: true });
    }
  });
}

/** A shim: holds both ends of both streams, and writes what the script says. */
function shim(paths: { stdout: string; stderr: string }, script: string): Deno.ChildProcess {
  const stderr = paths.stderr === "" ? "/dev/null" : paths.stderr;
  const whole = `exec 3<>"${paths.stdout}" 1>"${paths.stdout}" 2<>"${stderr}"\n${script}`;
  return new Deno.Command("sh", { args: ["-c", whole], stdin: "piped" }).spawn();
}

async function end(process: Deno.ChildProcess): Promise<void> {
  await process.stdin.close();
  await process.status;
}

const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) [PF] /;

/** Lines as "stdout F text"; every one must have the form. */
function readLog(path: string): string[] {
  const lines = Deno.readTextFileSync(path).split("\n");
  assert.equal(lines.pop(), "");
  return lines.map((line) => {
    assert.match(line, LINE);
    return line.slice(line.indexOf(" ") + 1);
  });
}

/** Bytes that wait in a FIFO. */
function unread(path: string): number {
  const FIONREAD = 0x541bn;
  const count = new Int32Array(1);
  const fd = openFifoForRead(libc, path);
  node.ioctl(fd, FIONREAD, count);
  libc.close(fd);
  return count[0] ?? 0;
}

async function until(what: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!what()) {
    assert(Date.now() < deadline, "it did not happen in 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

logsTest("a container's two streams are in its log when it has ended", async (t) => {
  const service = t.start();
  const options = t.options("a", { stdin: true });
  const paths = await service.open(options);
  const fifo = Deno.statSync(paths.stdin);
  assert(fifo.isFifo);
  assert.equal((Deno.statSync(options.dir).mode ?? 0) & 0o777, 0o700);
  const process = shim(paths, 'echo out; echo err >&2; printf "no end"');
  await service.attached({ containerId: "a" });
  await end(process);
  assert.deepEqual(await service.drained({ containerId: "a", timeoutMs: 5_000 }), {
    complete: true,
  });
  assert.deepEqual(readLog(options.logPath).sort(), [
    "stderr F err",
    "stdout F out",
    "stdout P no end",
  ]);
  assert.equal((Deno.statSync(options.logPath).mode ?? 0) & 0o777, 0o640);
  assert.deepEqual(await service.list(), ["a"]);
  await service.close({ containerId: "a" });
  await service.close({ containerId: "a" });
  assert.deepEqual([...Deno.readDirSync(`${t.dir}/io`)], []);
});

logsTest("drained() answers false in time when a process holds the output open", async (t) => {
  const service = t.start();
  const process = shim(await service.open(t.options("a")), "echo hello; read line");
  await service.attached({ containerId: "a" });
  assert.deepEqual(await service.drained({ containerId: "a", timeoutMs: 100 }), {
    complete: false,
  });
  await end(process);
  assert.equal((await service.drained({ containerId: "a", timeoutMs: 5_000 })).complete, true);
  assert.equal((await service.drained({ containerId: "unknown", timeoutMs: 1 })).complete, true);
});

logsTest("rotation under load loses and repeats no line", async (t) => {
  const service = t.start();
  const options = t.options("a");
  const lines = 200_000;
  const process = shim(await service.open(options), `seq 1 ${lines}`);
  await service.attached({ containerId: "a" });
  let rotated = 0;
  const done = service.drained({ containerId: "a", timeoutMs: 30_000 });
  let isDone = false;
  void done.then(() => isDone = true);
  void process.stdin.close();
  while (!isDone) {
    Deno.renameSync(options.logPath, `${options.logPath}.${rotated++}`);
    await service.reopen({ containerId: "a" });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal((await done).complete, true);
  await process.status;
  const old = Array.from({ length: rotated }, (_, n) => readLog(`${options.logPath}.${n}`));
  const all = [...old, readLog(options.logPath)].flat();
  assert.equal(all.length, lines);
  all.forEach((line, at) => assert.equal(line, `stdout F ${at + 1}`));
});

logsTest("a new service goes on where the old one stopped", async (t) => {
  const first = t.start();
  const options = t.options("a");
  const paths = await first.open(options);
  const process = shim(paths, "printf 'one\\nhal'; read x; printf 'f\\ntwo\\n'");
  await first.attached({ containerId: "a" });
  await until(() => Deno.readTextFileSync(options.logPath).includes("one"));
  await first.stop();
  const second = t.start();
  assert.deepEqual(await second.open({ ...options, resume: true }), paths);
  await second.attached({ containerId: "a" });
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode("\n"));
  await writer.close();
  assert.equal((await second.drained({ containerId: "a", timeoutMs: 5_000 })).complete, true);
  await process.status;
  assert.deepEqual(readLog(options.logPath), [
    "stdout F one",
    "stdout P hal",
    "stdout F f",
    "stdout F two",
  ]);
});

logsTest("after a restart a shim that is gone is at its end at once", async (t) => {
  const first = t.start();
  const options = t.options("a");
  await first.open(options);
  await first.stop();
  const second = t.start();
  await second.open({ ...options, resume: true });
  await second.attached({ containerId: "a" });
  assert.equal((await second.drained({ containerId: "a", timeoutMs: 2_000 })).complete, true);
  await second.close({ containerId: "a" });
  await second.open({ ...options, resume: true });
  await second.attached({ containerId: "a" });
  assert.equal((await second.drained({ containerId: "a", timeoutMs: 2_000 })).complete, true);
});

logsTest("open() with resume answers the same when the streams never stopped", async (t) => {
  const service = t.start();
  const paths = await service.open(t.options("a"));
  assert.deepEqual(await service.open(t.options("a", { resume: true })), paths);
  await assert.rejects(service.open(t.options("a")), { kind: "alreadyExists" });
});

logsTest("log paths outside the folders, and links, are refused and change nothing", async (t) => {
  const service = t.start();
  await Deno.writeTextFile(`${t.dir}/victim`, "");
  await Deno.mkdir(`${t.dir}/outside`);
  await Deno.mkdir(`${t.logs}/pod`);
  await Deno.symlink(`${t.dir}/victim`, `${t.logs}/pod/link.log`);
  await Deno.symlink(`${t.dir}/outside`, `${t.logs}/pod/dir`);
  await new Deno.Command("mkfifo", { args: [`${t.logs}/pod/fifo`] }).output();
  const refused: [string, string][] = [
    [`${t.dir}/victim`, "invalidArgument"],
    [`${t.logs}/../victim`, "invalidArgument"],
    [`${t.logs}/pod/link.log`, "failedPrecondition"],
    [`${t.logs}/pod/dir/0.log`, "failedPrecondition"],
    [`${t.logs}/pod/fifo`, "failedPrecondition"],
  ];
  for (const [logPath, kind] of refused) {
    await assert.rejects(service.open(t.options("a", { logPath })), { kind }, logPath);
  }
  const wrong = { ...t.options("a"), dir: `${t.dir}/elsewhere` };
  await assert.rejects(service.open(wrong), { kind: "invalidArgument" });
  await assert.rejects(service.close({ containerId: "../.." }), { kind: "invalidArgument" });
  assert.equal(await Deno.readTextFile(`${t.dir}/victim`), "");
  assert.deepEqual([...Deno.readDirSync(`${t.dir}/outside`)], []);
  assert.deepEqual(await service.list(), []);
});

logsTest("a full disk drops output, never stops the container, and recovers", async (t) => {
  const disk = `${t.logs}/pod`;
  await Deno.mkdir(disk);
  const mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk];
  assert((await new Deno.Command("mount", { args: mount }).output()).success);
  try {
    const service = t.start();
    const options = t.options("a");
    const script = `yes 0123456789 | head -n 300000; touch ${t.dir}/flooded; read x; echo again`;
    const paths = await service.open(options);
    const process = shim(paths, script);
    await service.attached({ containerId: "a" });
    await until(() => t.exists("flooded") && unread(paths.stdout) === 0);
    assert(Deno.statSync(options.logPath).size <= 65_536);
    // Somebody makes room in the file that the log goes on in.
    await Deno.truncate(options.logPath, 0);
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    await writer.close();
    assert.equal((await service.drained({ containerId: "a", timeoutMs: 5_000 })).complete, true);
    await process.status;
    const log = Deno.readTextFileSync(options.logPath).trim();
    assert.match(log, /(^|\n)\S+ stdout F again$/, "a cut line was ended before it");
    await service.close({ containerId: "a" });
  } finally {
    await new Deno.Command("umount", { args: ["-l", disk] }).output();
  }
});

logsTest("200 containers at once are all complete", async (t) => {
  const service = t.start();
  const ids = Array.from({ length: 200 }, (_, n) => `c${n}`);
  const processes: Deno.ChildProcess[] = [];
  for (const containerId of ids) {
    const options = t.options(containerId, { terminal: true });
    processes.push(shim(await service.open(options), "seq 1 1000"));
    await service.attached({ containerId });
  }
  await Promise.all(processes.map(end));
  for (const containerId of ids) {
    const { complete } = await service.drained({ containerId, timeoutMs: 30_000 });
    assert(complete);
    assert.equal(readLog(t.options(containerId).logPath).length, 1000);
    await service.close({ containerId });
  }
});

logsTest("the io compartment works with its folders and libc alone", async (t) => {
  await Deno.mkdir(`${t.dir}/io`);
  const folders = [t.logs, `${t.dir}/io`];
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("../../src/compartments/io.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        read: folders,
        write: folders,
        ffi: [...LIBC_PATHS],
        net: ["127.0.0.1:0"],
        run: false,
        env: false,
        sys: false,
        import: false,
      },
    },
  });
  const answered = (kind: string) =>
    new Promise<void>((resolve, reject) => {
      worker.addEventListener("message", (event) => {
        if (event.data.kind === kind) resolve();
        if (event.data.kind === "failed") reject(new Error(event.data.error.message));
      });
      worker.addEventListener("error", (event) => reject(new Error(event.message)));
    });
  const ready = answered("ready");
  const start: SupervisorMessage<IoConfig> = {
    kind: "start",
    config: {
      state: t.dir,
      logs: { dirs: [t.logs] },
      streaming: {
        address: "127.0.0.1:0",
        tls_cert: "",
        tls_key: "",
        tls_self_signed: false,
        idle_timeout: 0,
      },
    },
    features: new Map(),
    log: { level: "info", format: "text" },
    ports: { server: port2 },
  };
  worker.postMessage(start, [port2]);
  await ready;
  const peer = new Peer("io", port1);
  const service = callChannel<LogService>(peer, "io");
  const options = t.options("a");
  const process = shim(await service.open(options), "echo from the worker");
  await service.attached({ containerId: "a" });
  await end(process);
  assert.deepEqual(await service.drained({ containerId: "a", timeoutMs: 5_000 }), {
    complete: true,
  });
  assert.deepEqual(readLog(options.logPath), ["stdout F from the worker"]);
  await service.close({ containerId: "a" });
  const outside = t.options("b", { logPath: `${t.dir}/elsewhere/0.log` });
  await assert.rejects(service.open(outside), { kind: "invalidArgument" });
  const stopped = answered("stopped");
  worker.postMessage({ kind: "stop" });
  await stopped;
  peer.close();
  worker.terminate();
});
