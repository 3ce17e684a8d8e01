/** Logs of containers that write without end: nothing lost, nobody starved. */
import assert from "node:assert/strict";
import { openLibc } from "../../src/linux/libc.ts";
import { linuxIoOn } from "../../src/linux/linux_io.ts";
import { IO_SYMBOLS } from "../../src/linux/symbols.ts";
import { openLogService } from "../../src/logs/log_service.ts";

const libc = openLibc(IO_SYMBOLS);

const ROTATIONS = 100;

const MIB = 1024 * 1024;
/** A node full of containers. */
const MANY = 500;
const LINES = 5_000;
/** Their logs are 115 MB; what is held is only what is on its way. */
const MANY_LIMIT_MIB = 128;

interface Writer {
  readonly containerId: string;
  readonly logPath: string;
  readonly process: Deno.ChildProcess;
}

async function withLogs(
  body: (
    service: ReturnType<typeof openLogService>,
    start: (containerId: string, script: (stopFile: string) => string) => Promise<Writer>,
  ) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "logs-load-" });
  const io = linuxIoOn(libc);
  const service = openLogService({ io, fifoDir: `${dir}/io`, logDirs: [`${dir}/logs`] });
  await Deno.mkdir(`${dir}/logs`);
  const writers: Writer[] = [];
  try {
    await body(service, async (containerId, script) => {
      const logPath = `${dir}/logs/${containerId}.log`;
      const { stdout } = await service.open({
        containerId,
        dir: `${dir}/io/${containerId}`,
        logPath,
        terminal: true,
        stdin: false,
        maxLineBytes: 16_384,
        resume: false,
      });
      const process = new Deno.Command("sh", {
        args: ["-c", `exec 3<>"${stdout}" 1>"${stdout}"\n${script(`${logPath}.stop`)}`],
        stdin: "null",
      }).spawn();
      writers.push({ containerId, logPath, process });
      await service.attached({ containerId });
      return { containerId, logPath, process };
    });
  } finally {
    for (const { process } of writers) await process.status;
    await service.stop();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Tells a writer to end. */
async function stop({ logPath }: Writer): Promise<void> {
  await Deno.writeTextFile(`${logPath}.stop`, "");
}

/** Writes numbers, many a write, until it is told to end. */
const numbers = (stopFile: string) =>
  `n=1; while [ ! -e "${stopFile}" ]; do m=$((n + 1999)); seq $n $m; n=$((m + 1)); done`;

/** Writes as much as is taken. */
const flood = (stopFile: string) =>
  `yes 0123456789 & while [ ! -e "${stopFile}" ]; do sleep 0.05; done; kill $!`;

Deno.test(`${ROTATIONS} rotations under full load lose and repeat no line`, () =>
  withLogs(async (service, start) => {
    const writer = await start("flood", numbers);
    const { containerId, logPath } = writer;
    let lastSize = 0;
    for (let n = 0; n < ROTATIONS; n++) {
      // Only a file that is being written tells anything about the moment of the change.
      while ((lastSize = Deno.statSync(logPath).size) < 10_000) await turn();
      Deno.renameSync(logPath, `${logPath}.${n}`);
      await service.reopen({ containerId });
    }
    assert.ok(lastSize >= 10_000);
    await stop(writer);
    assert.equal((await service.drained({ containerId, timeoutMs: 60_000 })).complete, true);
    const files = Array.from({ length: ROTATIONS }, (_, n) => `${logPath}.${n}`);
    let next = 1;
    for (const file of [...files, logPath]) {
      for (const line of Deno.readTextFileSync(file).split("\n").slice(0, -1)) {
        if (!line.endsWith(` stdout F ${next}`)) assert.fail(`${line} instead of ${next}`);
        next++;
      }
    }
    assert.equal((next - 1) % 2000, 0);
    assert.ok(next > ROTATIONS * 100);
  }));

Deno.test("a container that writes without end holds up neither others' logs nor other work", () =>
  withLogs(async (service, start) => {
    const floods = [await start("flood-a", flood), await start("flood-b", flood)];
    const quiet: Writer[] = [];
    for (let n = 0; n < 20; n++) quiet.push(await start(`quiet-${n}`, () => "seq 1 1000"));
    for (const { containerId, logPath } of quiet) {
      assert.equal((await service.drained({ containerId, timeoutMs: 30_000 })).complete, true);
      assert.equal(Deno.readTextFileSync(logPath).split("\n").length, 1001);
    }
    const sizes = floods.map(({ logPath }) => Deno.statSync(logPath).size);
    assert.ok(sizes.every((size) => size > 0), `both floods were read meanwhile: ${sizes}`);
    for (const writer of floods) {
      await stop(writer);
      const { containerId } = writer;
      assert.equal((await service.drained({ containerId, timeoutMs: 60_000 })).complete, true);
    }
  }));

Deno.test(`${MANY} containers that write at once are all complete, in bounded memory`, () =>
  withLogs(async (service, start) => {
    const go = await Deno.makeTempFile();
    const writers: Writer[] = [];
    // None begins while others are still being made.
    const script = `while [ -e "${go}" ]; do sleep 0.5; done; seq 1 ${LINES}`;
    for (let n = 0; n < MANY; n++) writers.push(await start(`c${n}`, () => script));
    const before = Deno.memoryUsage().rss;
    await Deno.remove(go);
    let most = 0;
    for (const { containerId } of writers) {
      assert.equal((await service.drained({ containerId, timeoutMs: 60_000 })).complete, true);
      most = Math.max(most, Deno.memoryUsage().rss);
    }
    for (const { logPath } of writers) {
      assert.equal(Deno.readTextFileSync(logPath).split("\n").length, LINES + 1);
    }
    const grownMib = (most - before) / MIB;
    assert.ok(grownMib < MANY_LIMIT_MIB, `${grownMib} MiB more`);
  }));

/** Lets what is ready run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
