/** What install.sh makes of a node: containerd, the network, services; and whom it believes. */
import assert from "node:assert/strict";
import { place } from "../world/install_place.ts";
import { findProgram } from "../world/programs.ts";
import { standIn, writeBundleFile } from "../world/releases.ts";
import { sh } from "../world/sh.ts";
import { skipUnless } from "../world/skip.ts";

const UNIT = "/etc/systemd/system/cri-containerd.service";
const CONFIG = "/etc/cri-containerd/config.toml";

Deno.test("a bundle brings containerd, network plugins and images, which nothing fetches", async () => {
  await using it = await place();
  const bundle = await writeBundleFile(it.dir, {
    "bin/cri-containerd": standIn("1.0.0"),
    "bin/containerd": "containerd",
    "bin/crictl": "crictl",
    "cni/bridge": "bridge",
  });
  await it.installed(["--from", bundle, "--with-cni", "--pod-cidr", "10.9.0.0/16"]);
  assert.equal(await it.read("/usr/local/bin/cri-containerd"), standIn("1.0.0"));
  assert.equal(await it.read("/usr/local/lib/cri-containerd/bin/containerd"), "containerd");
  assert.equal(await it.read("/usr/local/bin/crictl"), "crictl");
  assert.equal(await it.read("/opt/cni/bin/bridge"), "bridge");
  assert.match(await it.read(CONFIG), /^binaries = "\/usr\/local\/lib\/cri-containerd\/bin"$/m);
  const network: unknown = JSON.parse(await it.read("/etc/cni/net.d/10-cri-containerd.conflist"));
  assert.match(JSON.stringify(network), /"subnet":"10\.9\.0\.0\/16"/);
  const images = `${it.root}/var/lib/cri-containerd/images`;
  const [archive] = await Array.fromAsync(Deno.readDir(images), ({ name }) => name);
  const listed = await sh("tar", "-tf", `${images}/${archive}`);
  assert.match(listed, /^oci-layout\nindex\.json\nblobs\//);
  assert.match(await it.installed(["--from", bundle, "--with-cni"]), /just so\n$/);
  // It is told from an executable by what it is, too.
  await Deno.rename(bundle, `${it.dir}/bundle`);
  const again = await it.installed(["--from", `${it.dir}/bundle`, "--with-cni"]);
  assert.match(again, /just so\n$/);
});

for (
  const { name, spoil } of [
    { name: "a program was changed", spoil: "echo x >>bin/containerd" },
    { name: "a program is missing", spoil: "rm bin/containerd" },
    { name: "a program was added", spoil: "cp bin/containerd bin/more" },
    { name: "a layer was changed", spoil: "echo x >>blobs/sha256/*" },
  ]
) {
  Deno.test(`a bundle in which ${name} is refused before anything changes`, async () => {
    await using it = await place();
    const before = await it.tree();
    const programs = { "bin/cri-containerd": standIn("1.0.0"), "bin/containerd": "containerd" };
    const bundle = await writeBundleFile(it.dir, programs);
    const folder = `${it.dir}/spoilt`;
    await Deno.mkdir(folder);
    await sh("sh", "-c", `cd ${folder} && tar -xf ${bundle} && ${spoil} && tar -cf ${bundle} *`);
    const { code, stderr } = await it.install(["--from", bundle]);
    assert.equal(code, 1);
    assert.match(stderr, /the bundle is damaged/);
    assert.equal(await it.tree(), before);
  });
}

Deno.test("--with-cni leaves a network alone that is there", async () => {
  await using it = await place();
  await it.write("/opt/cni/bin/bridge", "");
  await Deno.chmod(`${it.root}/opt/cni/bin/bridge`, 0o755);
  await it.write("/etc/cni/net.d/05-other.conflist", "{}");
  await it.installed(["--from", it.releases, "--with-cni"]);
  assert.ok(!await it.has("/etc/cni/net.d/10-cri-containerd.conflist"));
});

const THREE = '"io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", ' +
  '"io.containerd.cri.v1.runtime"';

for (
  const { name, before, after } of [
    { name: "no file", before: undefined, after: `version = 2\ndisabled_plugins = [${THREE}]\n` },
    {
      name: "an empty list",
      before: "version = 2\ndisabled_plugins = []\n[grpc]\n",
      after: `version = 2\ndisabled_plugins = [${THREE}]\n[grpc]\n`,
    },
    {
      name: "a list of others",
      before: 'version = 3\ndisabled_plugins = ["x"]\n',
      after: `version = 3\ndisabled_plugins = [${THREE}, "x"]\n`,
    },
    {
      name: "no list",
      before: "version = 2\n[grpc]\n  gid = 0\n",
      after: `disabled_plugins = [${THREE}]\nversion = 2\n[grpc]\n  gid = 0\n`,
    },
    {
      name: "the list that Docker's packages bring",
      before: 'disabled_plugins = ["cri"]\n',
      after: 'disabled_plugins = ["cri"]\n',
    },
  ]
) {
  Deno.test(`--disable-builtin-cri in a containerd configuration with ${name}`, async () => {
    await using it = await place();
    if (before !== undefined) await it.write("/etc/containerd/config.toml", before);
    const args = ["--from", it.releases, "--with-containerd=system", "--disable-builtin-cri"];
    await it.installed(args);
    assert.equal(await it.read("/etc/containerd/config.toml"), after);
    assert.match(await it.installed(args), /just so\n$/);
    if (before === undefined || before === after) return;
    const kept = "/etc/containerd/config.toml.before-cri-containerd";
    assert.equal(await it.read(kept), before);
  });
}

const TARGETS = ["sysinit", "basic", "shutdown", "network", "local-fs", "multi-user"];

const analyze = await findProgram("systemd-analyze");
const whereSystemdIs = skipUnless(analyze !== undefined, "no systemd-analyze here");

for (const containerd of ["managed", "system"]) {
  const sentence = `systemd finds nothing wrong in the unit for a ${containerd} containerd`;
  Deno.test({ ...whereSystemdIs(sentence), fn: () => verifyUnit(containerd) });
}

async function verifyUnit(containerd: string): Promise<void> {
  await using it = await place();
  await it.installed(["--from", it.releases, "--with-containerd", containerd, "--kubelet"]);
  for (const unit of ["containerd", "kubelet"]) {
    await it.write(`/etc/systemd/system/${unit}.service`, "[Service]\nExecStart=/usr/bin/runc\n");
  }
  for (const target of TARGETS) {
    await it.write(`/lib/systemd/system/${target}.target`, "[Unit]\n");
  }
  const { code, stderr } = await new Deno.Command("systemd-analyze", {
    args: ["verify", "--root", it.root, "--man=no", UNIT],
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(code, 0);
}

Deno.test("--init openrc writes a script that openrc-run's shell takes, in the default runlevel", async () => {
  await using it = await place();
  await it.installed(["--from", it.releases, "--init", "openrc", "--with-containerd=system"]);
  const script = "/etc/init.d/cri-containerd";
  assert.match(await it.read(script), /^#!\/sbin\/openrc-run\n/);
  assert.match(await it.read(script), /^ {2}need localmount containerd$/m);
  await sh("busybox", "sh", "-n", `${it.root}${script}`);
  assert.equal(await Deno.readLink(`${it.root}/etc/runlevels/default/cri-containerd`), script);
});

Deno.test("with --public-key a release without a signature, or with a wrong one, is refused", async () => {
  await using it = await place();
  const none = await it.install(["--from", it.releases, "--public-key", "KEY"]);
  assert.match(none.stderr, /cannot check the signature of .*: it takes .*minisig and minisign/);
  // What minisign is asked, and what follows from its answer.
  await Deno.mkdir(`${it.dir}/fake`);
  await Deno.writeTextFile(
    `${it.dir}/fake/minisign`,
    `#!/bin/sh\necho "$@" >${it.dir}/asked\ngrep -q good "$6.minisig"\n`,
    { mode: 0o755 },
  );
  const env = { PATH: `${it.dir}/fake:${Deno.env.get("PATH")}` };
  await Deno.writeTextFile(`${it.releases}/sha256sums.minisig`, "good");
  const args = ["--from", it.releases, "--public-key", "KEY"];
  assert.equal((await it.install(args, { env })).code, 0);
  const asked = await Deno.readTextFile(`${it.dir}/asked`);
  assert.equal(asked, `-V -q -P KEY -m ${it.releases}/sha256sums\n`);
  await Deno.writeTextFile(`${it.releases}/sha256sums.minisig`, "bad");
  const bad = await it.install(args, { env });
  assert.match(bad.stderr, /is not of the key that you gave/);
});
