/**
 * `./dev compile` as a whole, for a processor that isn't this one: then its executable isn't run, and
 * Deno's part before the code may be any program.
 */
import assert from "node:assert/strict";
import { ROOT } from "../check/source.ts";
import { sh } from "../world/sh.ts";

const OTHER = Deno.build.arch === "x86_64" ? "aarch64" : "x86_64";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function compile(denort: string, ...args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=dev", "packaging/compile/main.ts", ...args],
    cwd: ROOT,
    env: { DENORT_BIN: denort, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("./dev compile makes a release that install.sh takes", async () => {
  const dir = await Deno.makeTempDir({ prefix: "cri-dist-" });
  try {
    const url = "https://releases.example";
    const args = ["--target", OTHER, "--output", dir, "--url", url];
    const { code, stdout, stderr } = await compile("/bin/busybox", ...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /cri-containerd-\S+-linux-\w+\.tar\.gz {2}\d+(?:\.\d+)? MB\n$/);
    await sh("sh", "-c", `cd ${dir} && sha256sum --check --strict sha256sums`);
    assert.match(await Deno.readTextFile(`${dir}/install.sh`), /^RELEASES_URL="https:\/\/releas/m);

    const root = `${dir}/root`;
    await Deno.mkdir(root);
    const how = ["--arch", OTHER, "--root", root, "--init", "none", "--with-containerd", "system"];
    await sh("dash", `${dir}/install.sh`, "--from", dir, ...how);
    const page = await Deno.readTextFile(`${root}/usr/local/share/man/man8/cri-containerd.8`);
    assert.match(page, /^\.TH CRI-CONTAINERD 8/);
    const name = stdout.match(/cri-containerd-\S+-linux-[a-z0-9_]+/)?.[0] ?? "";
    await sh("cmp", `${dir}/${name}`, `${root}/usr/local/bin/cri-containerd`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("./dev compile says what it takes when there is no denort", async () => {
  const dir = await Deno.makeTempDir({ prefix: "cri-dist-" });
  try {
    const { code, stderr } = await compile("/nonexistent/denort", "--output", dir);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /it takes denort, the runtime of Deno \d.* DENORT_BIN names \/nonexistent/,
    );
    assert.deepEqual(await Array.fromAsync(Deno.readDir(dir)), []);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("./dev compile --help says what it makes and where", async () => {
  const { code, stdout } = await compile("", "--help");
  assert.equal(code, 0);
  assert.match(stdout, /^Usage: \.\/dev compile/);
});
