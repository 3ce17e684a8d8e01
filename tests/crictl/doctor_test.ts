/** `cri-containerd doctor` and `status` beside a daemon that runs, and beside one that doesn't. */
import assert from "node:assert/strict";
import { LEVELS } from "../../src/doctor/finding.ts";
import { startDaemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { ROOT } from "../check/source.ts";
import { sh } from "../world/sh.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";

async function run(...args: string[]): Promise<{ code: number; stdout: string }> {
  const { code, stdout } = await new Deno.Command(PROGRAM, {
    args: [...PROGRAM_ARGS, ...args],
    stdin: "null",
    stderr: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout) };
}

/** Level and text of the finding of a check. */
function find(json: string, check: string): string[] {
  const findings: { check: string; level: string; text: string }[] = JSON.parse(json);
  return findings.filter((one) => one.check === check).map(({ level, text }) => `${level} ${text}`);
}

Deno.test("doctor tries the network, finds the daemon, leaves nothing, and writes no secret", async () => {
  const secret = "hunter2hunter2";
  await using daemon = await startDaemon();
  const conf = `${daemon.network.confDir}/90-other.conf`;
  await Deno.writeTextFile(conf, JSON.stringify({ name: "x", type: "y", password: secret }));
  const bundle = `${daemon.dir}/support.tar.gz`;
  const found = await run("doctor", "--config", daemon.configFile, "--json", "--bundle", bundle);
  assert.match(find(found.stdout, "cni-trial").join(), /^ok A trial got the address \d+\./);
  assert.match(find(found.stdout, "containerd").join(), /^ok containerd \S+ answers on /);
  assert.match(find(found.stdout, "builtin-cri").join(), /^ok /);
  assert.match(
    find(found.stdout, "daemon").join(),
    /^ok The daemon \(\S+\) serves.*ok NetworkReady/,
  );
  assert.ok([0, 3].includes(found.code), `${found.code}\n${found.stdout}`);
  await assertNothingLeft(daemon);

  const names = (await sh("tar", "-tzf", bundle)).trim().split("\n");
  for (const name of ["findings.json", "config.json", "cni/90-other.conf", "node/proc/mounts"]) {
    assert.ok(names.includes(`support/${name}`), name);
  }
  assert.ok(!(await sh("tar", "-xOzf", bundle)).includes(secret));
  assert.equal(((await Deno.stat(bundle)).mode ?? 0) & 0o777, 0o600);

  const up = await run("status", "--config", daemon.configFile, "--wait", "20");
  assert.equal(up.code, 0);
  assert.match(up.stdout, /^containerd \S+, 0 pods\nRuntimeReady: yes\nNetworkReady: yes\n$/);
  await daemon.stop();
  assert.equal((await run("status", "--config", daemon.configFile)).code, 1);
  const down = await run("doctor", "--config", daemon.configFile, "--json");
  assert.match(find(down.stdout, "daemon").join(), /^warn No daemon answers/);
  assert.match(find(down.stdout, "cni-trial").join(), /^ok /);
});

Deno.test("every check of the doctor has its section in docs/troubleshoot.md, and no other has", async () => {
  const text = await Deno.readTextFile(`${ROOT}docs/troubleshoot.md`);
  const sections = [...text.matchAll(/^### ([a-z-]+)$/gm)].map(([, name]) => name);
  const checks = new Set<string>();
  for await (const { name } of Deno.readDir(`${ROOT}src/doctor`)) {
    if (name.endsWith("_test.ts")) continue;
    const source = await Deno.readTextFile(`${ROOT}src/doctor/${name}`);
    for (const [, check = ""] of source.matchAll(/findingsOf\("([a-z-]+)"\)/g)) checks.add(check);
  }
  assert.deepEqual(sections.toSorted(), [...checks].toSorted());
  assert.equal(LEVELS.length, 3);
});
