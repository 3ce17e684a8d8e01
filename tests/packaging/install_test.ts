/** install.sh on folders that stand for a node's root, by the shells and tools of several systems. */
import assert from "node:assert/strict";
import { ROOT } from "../check/source.ts";
import { type Place, place } from "../world/install_place.ts";
import { ARCH, standIn, writeSums } from "../world/releases.ts";
import { sh } from "../world/sh.ts";

const UNIT = "/etc/systemd/system/cri-containerd.service";
const CONFIG = "/etc/cri-containerd/config.toml";

Deno.test("install.sh puts everything in its place, enables the service and starts nothing", async () => {
  await using it = await place();
  const stdout = await it.installed(["--from", it.releases, "--kubelet"]);
  assert.match(stdout, /^This node: Testing 1, \w+, systemd\n/);
  const { mode } = await Deno.stat(`${it.root}/usr/local/bin/cri-containerd`);
  assert.equal((mode ?? 0) & 0o777, 0o755);
  assert.match(await it.read(UNIT), /^ExecStart=\/usr\/local\/bin\/cri-containerd serve$/m);
  assert.match(await it.read(CONFIG), /^managed = true$/m);
  assert.match(await it.read("/etc/crictl.yaml"), /unix:\/\/\/run\/cri-containerd\//);
  assert.match(
    await it.read("/etc/systemd/system/kubelet.service.d/20-cri-containerd.conf"),
    /--container-runtime-endpoint=unix:\/\/\/run\/cri-containerd\/cri-containerd\.sock/,
  );
  assert.ok(await it.has("/usr/local/share/bash-completion/completions/cri-containerd"));
  assert.ok(await it.has("/usr/local/share/man/man8/cri-containerd.8"));
  const link = "/etc/systemd/system/multi-user.target.wants/cri-containerd.service";
  assert.equal(await Deno.readLink(`${it.root}${link}`), "../cri-containerd.service");
  assert.ok(!await it.has("/run"), "nothing was started");
});

Deno.test("install.sh run again changes nothing and says so", async () => {
  await using it = await place();
  await it.installed(["--from", it.releases]);
  const before = await it.tree();
  const again = await it.installed(["--from", it.releases]);
  assert.match(again, /1\.0\.0 is installed already, just so\n$/);
  const manifest = /^usr\/local\/lib\/cri-containerd(?:\/manifest)? .*\n/gm;
  assert.equal((await it.tree()).replace(manifest, ""), before.replace(manifest, ""));
});

Deno.test("--dry-run changes nothing and prints every file that is written without it", async () => {
  await using it = await place();
  const before = await it.tree();
  const args = ["--from", it.releases, "--kubelet"];
  const dry = await it.installed([...args, "--dry-run"]);
  assert.equal(await it.tree(), before);
  const real = await it.installed(args);
  const changes = (text: string, start: string) =>
    text.split("\n").filter((line) => line.startsWith(start)).map((line) =>
      line.slice(start.length)
    );
  assert.deepEqual(changes(dry, "would write "), changes(real, "write "));
  assert.deepEqual(changes(dry, "would enable "), changes(real, "enable "));
  const old = new Set(before.split("\n").map((line) => line.split(" ")[0]));
  const written = (await it.tree()).split("\n").filter((line) => / -r/.test(line))
    .map((line) => line.split(" ")[0] ?? "").filter((path) => !old.has(path));
  const told = changes(real, "write ").map((path) => path.slice(1));
  assert.deepEqual(written.filter((path) => !path.endsWith("/manifest")).sort(), told.sort());
});

Deno.test("a file that was edited stays as it is, with the new one beside it", async () => {
  await using it = await place();
  await it.installed(["--from", it.releases]);
  await it.write(CONFIG, "# mine\n[containerd]\nmanaged = true\n");
  const stdout = await it.installed(["--from", it.releases]);
  assert.match(stdout, /^keep \/etc\/cri-containerd\/config\.toml, which was edited/m);
  assert.match(await it.read(CONFIG), /^# mine/);
  assert.match(await it.read(`${CONFIG}.dist`), /^managed = true$/m);
  assert.match(await it.installed(["--from", it.releases]), /just so\n$/);
});

Deno.test("--uninstall leaves configuration, data and what others made; --purge leaves nothing", async () => {
  await using it = await place();
  const before = await it.tree();
  await it.installed(["--from", it.releases, "--kubelet"]);
  await it.write("/var/lib/cri-containerd/images/mine.tar", "x");
  await it.write("/usr/local/bin/other", "x");
  await it.write("/etc/crictl.yaml", "# mine\n");
  const stdout = await it.installed(["--uninstall"]);
  assert.match(stdout, /^keeping \/etc\/crictl\.yaml, which was edited$/m);
  assert.ok(!await it.has("/usr/local/bin/cri-containerd"));
  assert.ok(!await it.has(UNIT));
  assert.ok(await it.has(CONFIG));
  assert.ok(await it.has("/var/lib/cri-containerd/images/mine.tar"));
  await it.installed(["--purge"]);
  const names = (tree: string) =>
    tree.split("\n").filter((line) => / -r/.test(line)).map((line) => line.split(" ")[0] ?? "");
  const left = names(await it.tree()).filter((path) => !names(before).includes(path));
  assert.deepEqual(left.sort(), ["etc/crictl.yaml", "usr/local/bin/other"]);
});

Deno.test("--uninstall after runs with other options removes what any of them wrote", async () => {
  await using it = await place();
  await it.installed(["--from", it.releases, "--kubelet"]);
  await it.installed(["--from", it.releases]);
  await it.installed(["--uninstall"]);
  assert.ok(!await it.has("/etc/systemd/system/kubelet.service.d"));
});

for (
  const { name, spoil, complaint } of [
    {
      name: "whose sum is another",
      spoil: (it: Place, archive: string) =>
        Deno.writeTextFile(`${it.releases}/${archive}`, "x", { append: true }),
      complaint: /is not what was released: its sha256/,
    },
    {
      name: "that is cut off",
      spoil: async (it: Place, archive: string) => {
        await Deno.truncate(`${it.releases}/${archive}`, 2_000);
        await writeSums(it.releases, [archive]);
      },
      complaint: /cannot unpack .* is it whole\?/,
    },
    {
      name: "for another processor",
      spoil: async (it: Place, archive: string) => {
        await Deno.rename(`${it.releases}/${archive}`, `${it.releases}/other.bin`);
      },
      complaint: /has no executable for/,
    },
  ]
) {
  Deno.test(`a release ${name} is refused before anything changes`, async () => {
    await using it = await place();
    const before = await it.tree();
    await spoil(it, `cri-containerd-1.0.0-linux-${ARCH}.tar.gz`);
    const { code, stderr } = await it.install(["--from", it.releases]);
    assert.equal(code, 1);
    assert.match(stderr, complaint);
    assert.equal(await it.tree(), before);
  });
}

for (
  const { args, env, complaint } of [
    { args: ["--nonsense"], env: {}, complaint: /there is no option --nonsense; --help/ },
    { args: ["--from"], env: {}, complaint: /--from wants a value/ },
    { args: ["--from", "/nowhere"], env: {}, complaint: /--from \/nowhere: there is neither/ },
    { args: ["--arch=mips", "--from=/"], env: {}, complaint: /no executable for mips/ },
    { args: ["--init", "upstart"], env: {}, complaint: /--init is systemd, openrc or none/ },
    { args: [], env: { INSTALL_WITH_CNI: "maybe" }, complaint: /neither 1 nor 0/ },
    { args: [], env: {}, complaint: /doesn't know where releases are; name it by --url/ },
    { args: ["--prefix", "opt"], env: {}, complaint: /--prefix is an absolute path/ },
  ]
) {
  Deno.test(`install.sh ${args.join(" ")} ${Object.keys(env)} says what to do instead`, async () => {
    await using it = await place();
    const { code, stderr } = await it.install(args, { env });
    assert.equal(code, 1);
    assert.match(stderr, complaint);
    assert.equal(stderr.trim().split("\n").length, 1);
  });
}

Deno.test("every option of --help has its variable, and the variable does the same", async () => {
  const help = await sh("dash", `${ROOT}install.sh`, "--help");
  const text = await Deno.readTextFile(`${ROOT}install.sh`);
  const options = [...help.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name ?? "");
  assert.ok(options.length > 15);
  for (const option of options) {
    assert.ok(text.includes(`\${INSTALL_${option.toUpperCase().replaceAll("-", "_")}:-`), option);
  }
  await using it = await place();
  const env = { INSTALL_FROM: it.releases, INSTALL_KUBELET: "1", INSTALL_DRY_RUN: "yes" };
  const byVariable = await it.install([], { env });
  const byFlag = await it.install(["--from", it.releases, "--kubelet", "--dry-run"]);
  assert.equal(byVariable.stdout, byFlag.stdout);
  assert.equal(byVariable.code, 0);
});

/** A folder with all of busybox's tools, and no other. */
async function busyboxTools(it: Place): Promise<string> {
  const tools = `${it.dir}/tools`;
  await Deno.mkdir(tools);
  await sh("busybox", "--install", "-s", tools);
  return tools;
}

for (
  const { system, shell, isBusybox } of [
    { system: "dash and curl", shell: ["dash"], isBusybox: false },
    { system: "bash and curl", shell: ["bash", "--posix"], isBusybox: false },
    { system: "nothing but busybox", shell: ["busybox", "sh"], isBusybox: true },
  ]
) {
  Deno.test(`install.sh fetches, checks and installs a release with ${system}`, async () => {
    await using it = await place();
    const asked: string[] = [];
    await using server = it.serve((path) => asked.push(path));
    const env: Record<string, string> = isBusybox ? { PATH: await busyboxTools(it) } : {};
    const program = isBusybox ? [`${it.dir}/tools/sh`] : shell;
    const url = `http://127.0.0.1:${server.addr.port}/releases`;
    const { code, stderr } = await it.install(["--url", url], { shell: program, env });
    assert.equal(code, 0, stderr);
    assert.deepEqual(asked, [
      "/releases/latest/download/VERSION",
      `/releases/download/v1.0.0/cri-containerd-1.0.0-linux-${ARCH}.tar.gz`,
      "/releases/download/v1.0.0/sha256sums",
    ]);
    assert.equal(await it.read("/usr/local/bin/cri-containerd"), standIn("1.0.0"));

    const missing = await it.install(["--url", url, "--version=v2.0.0"], { shell: program, env });
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /cannot fetch .*use --from with a bundle\n$/);
  });
}

Deno.test("a release is installed from its archive, its folder, and the executable alone", async () => {
  for (const kind of ["archive", "folder", "executable"]) {
    await using it = await place();
    const archive = `${it.releases}/cri-containerd-1.0.0-linux-${ARCH}.tar.gz`;
    await sh("tar", "-xzf", archive, "-C", it.dir);
    const folder = `${it.dir}/cri-containerd-1.0.0-linux-${ARCH}`;
    const from = { archive, folder, executable: `${folder}/cri-containerd` }[kind] ?? "";
    await it.installed(["--from", from]);
    assert.equal(await it.read("/usr/local/bin/cri-containerd"), standIn("1.0.0"), kind);
    const texts = await it.has("/usr/local/share/man/man8/cri-containerd.8");
    assert.equal(texts, kind !== "executable");
  }
});
