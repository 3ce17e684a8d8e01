/** ExecSync on a daemon with a real containerd, called as a kubelet calls it. */
import assert from "node:assert/strict";
import { whereCrictlIs } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";

const FAILED_PRECONDITION = 9;
const DEADLINE_EXCEEDED = 4;
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const MIB = 1024 * 1024;

/** A container and a shell in it. */
interface Setup extends Pick<RunningContainer, "cri" | "id" | "crictl" | "traces"> {
  sh(script: string, timeout?: bigint): Promise<{ stdout: string; stderr: string; code: number }>;
}

const decoder = new TextDecoder();

function setupOf({ cri, id, crictl, traces }: RunningContainer): Setup {
  const sh = async (script: string, timeout = 0n) => {
    const cmd = ["sh", "-c", script];
    const answer = await cri.call("execSync", { containerId: id, cmd, timeout });
    const { stdout, stderr, exitCode: code } = answer;
    return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), code };
  };
  return { cri, id, crictl, traces, sh };
}

const CASES: readonly { name: string; check(setup: Setup): Promise<void> }[] = [
  {
    name: "answers with both streams and the exit code",
    check: async ({ sh }) => {
      assert.deepEqual(await sh("echo out; echo err >&2; exit 7"), {
        stdout: "out\n",
        stderr: "err\n",
        code: 7,
      });
    },
  },
  {
    name: "runs as the container's user, in its folder, with its environment",
    check: async ({ sh }) => {
      assert.equal((await sh("id -u; pwd; echo $WHO")).stdout, "1234\n/tmp\nkubelet\n");
    },
  },
  {
    name: "kills a process that does not end in time and answers DeadlineExceeded",
    check: async ({ sh }) => {
      await assert.rejects(sh("exec sleep 600", 1n), { code: DEADLINE_EXCEEDED });
    },
  },
  {
    name: "answers with the exit code though children hold the streams open",
    check: async ({ sh }) => {
      const from = performance.now();
      const answer = await sh("sleep 5 & echo parent; exit 3");
      assert.deepEqual(answer, { stdout: "parent\n", stderr: "", code: 3 });
      assert(performance.now() - from < 4_000, "it waited for the child");
    },
  },
  {
    name: "cuts output that is longer than an answer may be, and keeps the other stream",
    check: async ({ cri, id }) => {
      const script = "dd if=/dev/zero bs=1M count=24 2>/dev/null; echo failed >&2; exit 2";
      const cmd = ["sh", "-c", script];
      const answer = await cri.call("execSync", { containerId: id, cmd });
      assert(answer.stdout.length > 14 * MIB && answer.stdout.length < 16 * MIB);
      assert.equal(decoder.decode(answer.stderr), "failed\n");
      assert.equal(answer.exitCode, 2);
    },
  },
  {
    name: "hands out 10 MiB byte by byte as they were written",
    check: async ({ cri, id }) => {
      const script = "yes 0123456789abcde | head -c 10485760";
      const cmd = ["sh", "-c", script];
      const { stdout } = await cri.call("execSync", { containerId: id, cmd });
      assert.equal(decoder.decode(stdout), "0123456789abcde\n".repeat(10 * MIB / 16));
    },
  },
  {
    name: "runs 20 at once",
    check: async ({ sh }) => {
      const numbers = Array.from({ length: 20 }, (_, at) => at);
      const answers = await Promise.all(numbers.map((at) => sh(`echo ${at}; exit ${at}`)));
      assert.deepEqual(answers.map(({ code }) => code), numbers);
      assert.deepEqual(answers.map(({ stdout }) => Number(stdout)), numbers);
    },
  },
  {
    name: "says why a program can't be started",
    check: async ({ cri, id }) => {
      const call = cri.call("execSync", { containerId: id, cmd: ["/no/such/program"] });
      await assert.rejects(call, /Cannot run \/no\/such\/program in container main.*no such file/s);
    },
  },
  {
    name: "refuses a request without a command and an unknown container",
    check: async ({ cri, id }) => {
      await assert.rejects(cri.call("execSync", { containerId: id, cmd: [] }), {
        code: INVALID_ARGUMENT,
      });
      await assert.rejects(cri.call("execSync", { containerId: "f00", cmd: ["true"] }), {
        code: NOT_FOUND,
      });
    },
  },
  {
    name: "ends the process when its caller goes away",
    check: async ({ cri, id, traces }) => {
      const abort = new AbortController();
      const cmd = ["sleep", "600"];
      const call = cri.call("execSync", { containerId: id, cmd }, abort.signal);
      call.catch(() => undefined);
      await eventually("the process", async () => (await traces()).length === 2);
      abort.abort();
      await assert.rejects(call);
    },
  },
];

Deno.test(whereCrictlIs("ExecSync on a real containerd"), async (t) => {
  await using container = await startRunningContainer({
    envs: [{ key: "WHO", value: "kubelet" }],
    working_dir: "/tmp",
    linux: { security_context: { run_as_user: { value: 1234 } } },
  });
  const setup = setupOf(container);
  for (const { name, check } of CASES) {
    await t.step(name, async () => {
      await check(setup);
      await eventually("no trace to be left", async () => (await setup.traces()).length === 0);
    });
  }
  await t.step("answers FailedPrecondition when the container has ended meanwhile", async () => {
    const call = setup.sh("exec sleep 600");
    call.catch(() => undefined);
    await eventually("the process", async () => (await setup.traces()).length === 2);
    await setup.crictl("stop", "-t", "0", setup.id);
    const ended = await call.then(({ code }) => code, (error) => error.code);
    assert([137, FAILED_PRECONDITION].includes(ended), `it ended with ${ended}`);
    await assert.rejects(setup.sh("true"), { code: FAILED_PRECONDITION });
  });
  await container.finish();
});
