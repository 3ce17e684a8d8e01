/** The recipes of packaging/, as far as they can be held without the platforms that they are for. */
import assert from "node:assert/strict";
import { defaultConfig } from "../../src/config/load.ts";
import { ROOT } from "../check/source.ts";
import { findProgram } from "../world/programs.ts";
import { writeBundleFile } from "../world/releases.ts";
import { sh } from "../world/sh.ts";
import { skipUnless } from "../world/skip.ts";

const PACKAGING = `${ROOT}packaging`;
const SOCKET = `unix://${defaultConfig().listen}`;

// deno-lint-ignore no-explicit-any -- parsed files of many forms
type Any = any;

const hasYaml = await sh("python3", "-c", "import yaml").then(() => true, () => false);
const whereYamlIs = skipUnless(hasYaml, "no python3 with yaml here");

/** All documents of a YAML file. */
async function yaml(path: string): Promise<Any[]> {
  const program =
    "import json,sys,yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
  return JSON.parse(await sh("python3", "-c", program, `${PACKAGING}/${path}`));
}

const texts = new Map<string, string>();
for (const folder of ["packaging", "docs"]) {
  const listed = await sh("find", `${ROOT}${folder}`, "-type", "f", "-not", "-path", "*/grafana/*");
  for (const path of listed.trim().split("\n")) texts.set(path, await Deno.readTextFile(path));
}

Deno.test("every option of install.sh that a recipe or a document names is one", async () => {
  const help = await sh("dash", `${ROOT}install.sh`, "--help");
  const installer = await Deno.readTextFile(`${ROOT}install.sh`);
  let found = 0;
  for (const [path, text] of texts) {
    for (const [line] of text.matchAll(/install\.sh[\s,][^`\n]*/g)) {
      for (const [option] of line.matchAll(/--[a-z][a-z-]+/g)) {
        if (option === "--help") continue;
        assert.match(help, new RegExp(`^  ${option}\\b`, "m"), `${path}: ${line}`);
        found++;
      }
    }
    for (const [variable] of text.matchAll(/\bINSTALL_[A-Z_]+/g)) {
      assert.ok(installer.includes(`\${${variable}:-`), `${path}: ${variable}`);
    }
  }
  assert.ok(found > 10);
});

Deno.test({
  ...whereYamlIs("cloud-init's user data is well formed, and its shell finds nothing wrong"),
  fn: async () => {
    const shellcheck = await findProgram("shellcheck");
    for (const name of ["plain", "gce", "ec2"]) {
      const path = `cloud-init/${name}.yaml`;
      assert.match(texts.get(`${PACKAGING}/${path}`) ?? "", /^#cloud-config\n/);
      const [data] = await yaml(path);
      const known = ["write_files", "package_update", "packages", "runcmd"];
      assert.deepEqual(Object.keys(data).filter((key) => !known.includes(key)), []);
      for (const command of data.runcmd) {
        if (typeof command !== "string") {
          assert.ok(command.every((word: unknown) => typeof word === "string"), `${command}`);
          continue;
        }
        const script = await Deno.makeTempFile();
        await Deno.writeTextFile(script, `#!/bin/sh\n${command}`);
        await sh("dash", "-n", script);
        if (shellcheck !== undefined) await sh(shellcheck, script);
        await Deno.remove(script);
      }
    }
  },
});

Deno.test({
  ...whereYamlIs("LinuxKit's node has the service as it is alone, with mounts that are shared"),
  fn: async () => {
    const [node] = await yaml("linuxkit/node.yml");
    const [alone] = await yaml("linuxkit/service.yml");
    assert.deepEqual(node.services, alone.services);
    const [service] = alone.services;
    assert.equal(service.rootfsPropagation, "shared");
    assert.deepEqual(service.capabilities, ["all"]);
    for (const path of ["/run", "/var"]) {
      assert.ok(service.binds.includes(`${path}:${path}:rshared,rbind`));
    }
    const { root, state, logs } = defaultConfig();
    for (const path of [root, state, ...logs.dirs]) assert.match(path, /^\/(run|var)\//);
    for (const { image } of [...node.onboot, ...node.services, node.kernel]) {
      assert.match(image, /^[a-z-]+\/[a-z-]+:\S+$/);
    }
    for (const { path, contents } of node.files) {
      if (path.endsWith(".conflist")) assert.equal(JSON.parse(contents).plugins[0].type, "bridge");
    }
  },
});

Deno.test({
  ...whereYamlIs("kubeadm's configuration names our socket, and a driver that the daemon knows"),
  fn: async () => {
    const init = await yaml("kubeadm/init.yaml");
    const [join] = await yaml("kubeadm/join.yaml");
    const of = (kind: string) => init.find((document) => document.kind === kind);
    assert.equal(of("InitConfiguration").nodeRegistration.criSocket, SOCKET);
    assert.equal(join.nodeRegistration.criSocket, SOCKET);
    assert.equal(of("KubeletConfiguration").containerRuntimeEndpoint, SOCKET);
    assert.equal(of("KubeletConfiguration").cgroupDriver, "systemd");
  },
});

Deno.test({
  ...whereYamlIs("the Butane document's files and unit fit each other"),
  fn: async () => {
    const [node] = await yaml("ignition/node.bu");
    const [unit] = node.systemd.units;
    const command = /^ExecStart=\/bin\/sh (\S+) --from (\S+) --prefix (\S+)/m.exec(unit.contents);
    assert.ok(command !== null);
    const paths = node.storage.files.map(({ path }: { path: string }) => path);
    assert.deepEqual([command[1], command[2]], paths);
    assert.ok(unit.contents.includes(`ConditionPathExists=!${command[3]}/bin/cri-containerd`));
  },
});

const ansible = await findProgram("ansible-playbook");

Deno.test({
  ...skipUnless(ansible !== undefined, "no ansible here")(
    "Ansible takes the playbook and its role",
  ),
  fn: async () => {
    await sh(
      "sh",
      "-c",
      `cd ${PACKAGING}/ansible && ansible-playbook --syntax-check -i localhost, site.yml`,
    );
  },
});

Deno.test({
  ...whereYamlIs("the Ansible role uses no variable without a default"),
  fn: async () => {
    const role = "ansible/roles/cri_containerd";
    const [defaults] = await yaml(`${role}/defaults/main.yml`);
    const tasks = texts.get(`${PACKAGING}/${role}/tasks/main.yml`) ?? "";
    const registered = [...tasks.matchAll(/register: (\w+)/g)].map(([, name]) => name);
    const used = new Set([...tasks.matchAll(/\bcri_containerd_\w+/g)].map(([name]) => name));
    for (const name of used) {
      assert.ok(name in defaults || registered.includes(name), name);
    }
  },
});

Deno.test("the root file system of make.sh has all that its programs need to run", async () => {
  const dir = await Deno.makeTempDir({ prefix: "cri-rootfs-" });
  try {
    // A program with shared libraries stands in for the executable.
    const program = await Deno.readFile("/bin/ls");
    const bundle = await writeBundleFile(dir, {
      "bin/cri-containerd": program,
      "bin/containerd": "containerd",
      "bin/containerd-shim-runc-v2": "shim",
      "bin/runc": "runc",
      "cni/bridge": "bridge",
    });
    const root = `${dir}/rootfs`;
    await sh("dash", `${PACKAGING}/rootfs/make.sh`, "--bundle", bundle, "--output", root);
    const said = await sh("chroot", root, "/usr/local/bin/cri-containerd", "--version");
    assert.match(said, /coreutils/);
    assert.match(await sh("chroot", root, await pathOf("iptables"), "--version"), /^iptables v/);
    assert.match(
      await Deno.readTextFile(`${root}/etc/cri-containerd/config.toml`),
      /managed = true/,
    );
    const listed = await sh("find", root, "-type", "f", "-name", "bundle-*.tar");
    assert.match(listed, /var\/lib\/cri-containerd\/images/);
    assert.match(
      await sh(
        "dash",
        `${PACKAGING}/rootfs/make.sh`,
        "--bundle",
        bundle,
        "--output",
        `${dir}/rootfs.tar`,
      ),
      /rootfs\.tar\n$/,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

async function pathOf(name: string): Promise<string> {
  return await findProgram(name, ["/usr/sbin", "/sbin"]) ?? name;
}
