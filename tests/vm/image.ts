/** The disk of a Debian machine with systemd, containerd and what is to be installed on it. */
import { busyboxFiles, testImage } from "../fakes/test_image.ts";
import type { Flavour } from "./flavours.ts";
import { ROOT } from "../check/source.ts";
import { standIn, writeBundleFile } from "../world/releases.ts";
import { sh } from "../world/sh.ts";

const SUITE = "bookworm";
const PACKAGES = [
  ...["systemd-sysv", "dbus", "udev", "linux-image-cloud-amd64", "apparmor", "containerd", "runc"],
  ...["containernetworking-plugins", "iptables", "iproute2", "procps", "kmod", "jq", "criu"],
  ...["selinux-policy-default", "policycoreutils"],
];
const DISK_SIZE = "4G";

/** What qemu is started with. */
export interface Machine {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Debian as it comes, kept between runs. */
async function base(say: (line: string) => void): Promise<string> {
  const folder = `${ROOT}.tools/vm/${SUITE}`;
  const packages = PACKAGES.join(",");
  if (await Deno.readTextFile(`${folder}.built`).catch(() => "") === packages) return folder;
  say("installing Debian into .tools/vm");
  await Deno.mkdir(`${ROOT}.tools/vm`, { recursive: true });
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const policy = await sh("apt-cache", "policy", "containerd");
  const mirror = /^ +\d+ (http\S+) /m.exec(policy)?.[1];
  if (mirror === undefined) throw new Error("apt knows no server to install Debian from");
  await sh("debootstrap", "--variant=minbase", `--include=${packages}`, SUITE, folder, mirror);
  await Deno.writeTextFile(`${folder}.built`, packages);
  return folder;
}

/** The program that stands in for the executable needs Deno and the sources beside it. */
async function putSources(root: string): Promise<void> {
  const folder = `${root}/opt/cri`;
  await Deno.mkdir(`${folder}/source`, { recursive: true });
  const files = ["main.ts", "deno.json", "deno.lock", "src"].map((name) => `${ROOT}${name}`);
  await sh("cp", "-r", ...files as [string, ...string[]], `${folder}/source/`);
  await Deno.copyFile(await Deno.realPath(Deno.execPath()), `${folder}/deno`);
  await Deno.chmod(`${folder}/deno`, 0o755);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--frozen", "main.ts"],
    cwd: `${folder}/source`,
    env: { DENO_DIR: `${folder}/cache` },
  }).output();
  if (!success) throw new Error("the npm packages can't be fetched for the machine");
  // Compiled where they will lie: the machine is slow enough without that.
  const entries = ["server", "io", "cni", "registry"].map((name) => `src/compartments/${name}.ts`);
  const inRoot = ["main.ts", ...entries].map((path) => `/opt/cri/source/${path}`);
  await sh(
    ...[
      "chroot",
      root,
      "/usr/bin/env",
      "DENO_DIR=/opt/cri/cache",
      "/opt/cri/deno",
      "cache",
    ] as const,
    ...["--quiet", ...inRoot],
  );
}

const PROGRAM = ["/opt/cri/deno", "run", "-q", "-P", "--cached-only", "/opt/cri/source/main.ts"];

/** Bundles of two versions and of one that never serves; `binary` is a real executable instead. */
async function putBundles(scratch: string, root: string): Promise<void> {
  const image = testImage({
    layers: [[
      ...await busyboxFiles(),
      // What critest's AppArmor tests run, and where.
      { path: "bin/touch", linkTo: "bin/busybox", content: "", mode: 0o755 },
      { path: "tmp/kept", content: "" },
    ]],
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
  });
  const versions = [
    { name: "one", version: "1.0.0", isBroken: false },
    { name: "two", version: "2.0.0", isBroken: false },
    { name: "broken", version: "3.0.0", isBroken: true },
  ];
  for (const { name, version, isBroken } of versions) {
    const program = standIn(version, { isBroken, command: PROGRAM, denoDir: "/opt/cri/cache" });
    const dir = `${scratch}/${name}`;
    await Deno.mkdir(dir);
    const bundle = await writeBundleFile(dir, { "bin/cri-containerd": program }, image);
    await Deno.copyFile(bundle, `${root}/opt/vm/${name}.tar`);
  }
}

const UNIT = `[Unit]
Description=Tests inside the machine
After=multi-user.target containerd.service
[Service]
Type=exec
ExecStart=/bin/sh /opt/vm/guest.sh
[Install]
WantedBy=multi-user.target
`;

export async function makeMachine(
  scratch: string,
  { name, finish }: Flavour,
  say: (line: string) => void,
): Promise<Machine> {
  const from = await base(say);
  say(`making the disk of the machine with ${name}`);
  const root = `${scratch}/root`;
  await sh("cp", "-a", from, root);
  await Deno.mkdir(`${root}/opt/vm`, { recursive: true });
  await putSources(root);
  await putBundles(scratch, root);
  await Deno.copyFile(`${ROOT}tests/vm/common.sh`, `${root}/opt/vm/common.sh`);
  await Deno.copyFile(`${ROOT}tests/vm/${name}.sh`, `${root}/opt/vm/guest.sh`);
  await Deno.copyFile(`${ROOT}install.sh`, `${root}/opt/vm/install.sh`);
  await Deno.copyFile(`${ROOT}.tools/bin/crictl`, `${root}/usr/local/bin/crictl`);
  await Deno.copyFile(`${ROOT}.tools/bin/critest`, `${root}/opt/vm/critest`);
  // critest calls it to load profiles, and root needs none.
  await Deno.writeTextFile(`${root}/usr/local/bin/sudo`, '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  const units = `${root}/etc/systemd/system`;
  await Deno.writeTextFile(`${units}/vm-tests.service`, UNIT);
  await Deno.symlink("../vm-tests.service", `${units}/multi-user.target.wants/vm-tests.service`);
  // A login on the console would cut off what the tests write there.
  await Deno.symlink("/dev/null", `${units}/serial-getty@ttyS0.service`);
  await Deno.writeTextFile(`${root}/etc/fstab`, "/dev/vda / ext4 defaults 0 1\n");
  await Deno.writeTextFile(`${root}/etc/hostname`, "vm\n");
  await finish?.(root);
  const boot = await Array.fromAsync(Deno.readDir(`${root}/boot`), ({ name }) => name);
  const find = (start: string) => `${root}/boot/${boot.find((name) => name.startsWith(start))}`;
  const disk = `${scratch}/disk.img`;
  await sh("mke2fs", "-q", "-t", "ext4", "-d", root, disk, DISK_SIZE);
  return { disk, kernel: find("vmlinuz-"), initrd: find("initrd.img-") };
}
