/** Generated specs in the real runtime: a pod's own container, and containers that join it. */
import assert from "node:assert/strict";
import { NamespaceMode, SecurityProfile_ProfileType as Type } from "../../src/gen/cri/v1/api.ts";
import { containerSpec } from "../../src/oci/container.ts";
import { encodeSpec } from "../../src/oci/encode.ts";
import type { ContainerSpecInput, HostFacts, PodFacts } from "../../src/oci/input.ts";
import { sandboxSpec } from "../../src/oci/sandbox.ts";
import type { Spec } from "../../src/oci/spec.ts";
import { container, HOST, podConfig, sandbox } from "../fixtures/oci/requests.ts";
import { skipUnless } from "../world/skip.ts";

const BUSYBOX = "/bin/busybox";
const EMPTY = { user: "", env: [], entrypoint: [], cmd: [], volumes: [], workingDir: "" };

const isMissing = (path: string) => {
  try {
    return !Deno.statSync(path).isFile;
  } catch {
    return true;
  }
};

const without = [BUSYBOX, "/usr/sbin/runc", "/usr/sbin/ip"].filter(isMissing);

/** A pod run by runc itself, in folders, a network namespace and a cgroup of its own. */
class RealPod implements AsyncDisposable {
  readonly id = `oci-${crypto.randomUUID().slice(0, 8)}`;
  readonly dir = Deno.makeTempDirSync({ prefix: "oci-test-" });
  readonly host: HostFacts = realHost();
  readonly config = podConfig({
    cgroupParent: `/${this.id}`,
    sysctls: new Map([["kernel.shm_rmid_forced", "1"]]),
    securityContext: {
      privileged: true,
      namespaceOptions: { pid: NamespaceMode.CONTAINER },
    },
  });
  readonly #started: string[] = [];
  #count = 0;

  /** Starts the pod's own container. */
  async start(): Promise<PodFacts> {
    await run("ip", ["netns", "add", this.id]);
    await run("ip", ["-n", this.id, "link", "set", "lo", "up"]);
    const files = this.#files();
    const netnsPath = `/var/run/netns/${this.id}`;
    const spec = sandboxSpec(sandbox({
      id: this.id,
      config: this.config,
      image: { ...EMPTY, entrypoint: [BUSYBOX, "sleep", "120"] },
      netnsPath,
      files,
      host: this.host,
    }));
    const bundle = this.#bundle(this.id, spec);
    this.#started.push(this.id);
    const pidFile = `${this.dir}/pid`;
    await this.#runc(["run", "--detach", "--bundle", bundle, "--pid-file", pidFile, this.id]);
    const pid = Number(Deno.readTextFileSync(pidFile));
    return { id: this.id, config: this.config, pid, netnsPath, hostname: "web-0", files };
  }

  /** Runs a container to its end and returns what it said. */
  async run(
    pod: PodFacts,
    script: string,
    parts: Parameters<typeof container>[0] = {},
    change: Partial<ContainerSpecInput> = {},
  ): Promise<string> {
    const id = `${this.id}-${this.#count++}`;
    const command = [BUSYBOX, "sh", "-c", script];
    const input = container({ command, ...parts }, {
      id,
      pod,
      image: EMPTY,
      host: this.host,
      ...change,
    });
    const bundle = this.#bundle(id, containerSpec(input));
    return await this.#runc(["run", "--bundle", bundle, id]);
  }

  #files(): PodFacts["files"] {
    const path = (name: string) => `${this.dir}/${name}`;
    for (const name of ["hosts", "hostname", "resolv.conf"]) {
      Deno.writeTextFileSync(path(name), "x\n");
    }
    Deno.mkdirSync(path("shm"));
    return {
      hosts: path("hosts"),
      hostname: path("hostname"),
      resolvConf: path("resolv.conf"),
      shm: path("shm"),
    };
  }

  #bundle(id: string, spec: Spec): string {
    const bundle = `${this.dir}/${id}`;
    Deno.mkdirSync(`${bundle}/rootfs/bin`, { recursive: true });
    Deno.copyFileSync(BUSYBOX, `${bundle}/rootfs${BUSYBOX}`);
    // In a bundle of its own nothing makes the mount points of a read-only root.
    for (const name of ["proc", "dev", "sys", "etc"]) Deno.mkdirSync(`${bundle}/rootfs/${name}`);
    Deno.writeFileSync(`${bundle}/config.json`, encodeSpec(spec));
    return bundle;
  }

  async #runc(args: string[]): Promise<string> {
    return await run("runc", ["--root", `${this.dir}/runc`, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#started) await this.#runc(["delete", "--force", id]);
    await run("ip", ["netns", "delete", this.id]).catch(() => {});
    for (const controller of Deno.readDirSync("/sys/fs/cgroup")) {
      const path = `/sys/fs/cgroup/${controller.name}/${this.id}`;
      await Deno.remove(path).catch(() => {});
    }
    await Deno.remove(`/sys/fs/cgroup/${this.id}`).catch(() => {});
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function run(program: string, args: string[]): Promise<string> {
  // What is detached keeps the pipes open for as long as it runs.
  const output = args.includes("--detach") ? "null" : "piped";
  const command = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: output,
    stderr: output,
  });
  const result = await command.output();
  const said = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (output === "null") {
    assert(result.success, `${program} ${args.join(" ")}`);
    return "";
  }
  const all = `${said(result.stderr)}${said(result.stdout)}`;
  assert(result.success, `${program} ${args.join(" ")}: ${all}`);
  return said(result.stdout);
}

/** What of this machine matters to a runtime. */
function realHost(): HostFacts {
  const status = Deno.readTextFileSync("/proc/self/status");
  const mask = BigInt(`0x${status.match(/^CapEff:\s*([0-9a-f]+)$/m)?.[1] ?? "0"}`);
  const isV2 = !isMissing("/sys/fs/cgroup/cgroup.controllers");
  const lowest = (mask & (1n << 24n)) === 0n
    ? Number(Deno.readTextFileSync("/proc/self/oom_score_adj"))
    : -1000;
  return {
    ...HOST,
    cgroupVersion: isV2 ? 2 : 1,
    cgroupDriver: "cgroupfs",
    arch: Deno.build.arch,
    kernelRelease: Deno.osRelease(),
    oomScoreAdjMin: lowest,
    hugetlb: false,
    swapAccounting: !isMissing("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
    cgroupMountOptions: [],
    devices: [],
  };
}

const whereAllIs = skipUnless(without.length === 0, `no ${without.join(", ")} here`);

Deno.test({
  ...whereAllIs("a sandbox's spec runs with the pod's namespaces and sysctls"),
  async fn() {
    await using world = new RealPod();
    const pod = await world.start();
    const said = await world.run(
      pod,
      `
      hostname
      cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
      cat /proc/sys/kernel/shm_rmid_forced
      ls /sys/class/net
    `,
    );
    assert.deepEqual(said.trim().split(/\s+/), ["web-0", "0", "0", "2147483647", "1", "lo"]);
    const status = Deno.readTextFileSync(`/proc/${pod.pid}/status`);
    assert.match(status, /^CapBnd:\s+0+$/m);
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    const netns = (path: string) => Deno.statSync(path).ino;
    assert.equal(netns(`/proc/${pod.pid}/ns/net`), netns(pod.netnsPath));
  },
});

Deno.test({
  ...whereAllIs("a container's spec runs with its user, capabilities, filter, limits and files"),
  async fn() {
    await using world = new RealPod();
    const pod = await world.start();
    Deno.mkdirSync(`${world.dir}/data/sub`, { recursive: true });
    const memory = world.host.cgroupVersion === 2
      ? "cat /sys/fs/cgroup/memory.max"
      : "cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
    const said = await world.run(
      pod,
      `
      id -u; id -g; id -G
      grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status
      echo "memory $(${memory})"
      echo "score $(cat /proc/self/oom_score_adj)"
      echo "kcore $(cat /proc/kcore | wc -c)"
      echo x > /proc/sys/kernel/domainname || echo "sys read-only"
      echo x > /x || echo "root read-only"
      echo x > /data/x || echo "data read-only"
      unshare -U true || echo "no namespaces"
      awk '$2 == "/sys" { print "sys", $3, $4 }' /proc/self/mounts
      echo "mine $MINE $HOSTNAME $(pwd)"
      cat /etc/hosts
      echo "pid $$"
    `,
      {
        envs: [{ key: "MINE", value: new TextEncoder().encode("a b") }],
        workingDir: "/data/sub",
        mounts: [{ hostPath: `${world.dir}/data`, containerPath: "/data", readonly: true }],
        linux: {
          resources: { memoryLimitInBytes: 64n << 20n, oomScoreAdj: 500n, cpuShares: 128n },
          securityContext: {
            runAsUser: { value: 33n },
            runAsGroup: { value: 34n },
            supplementalGroups: [35n],
            namespaceOptions: { pid: NamespaceMode.CONTAINER },
            capabilities: { dropCapabilities: ["ALL"], addCapabilities: ["CHOWN"] },
            noNewPrivs: true,
            readonlyRootfs: true,
            seccomp: { profileType: Type.RuntimeDefault },
            maskedPaths: ["/proc/kcore"],
            readonlyPaths: ["/proc/sys"],
          },
        },
      },
    );
    assert.match(said, /^sys sysfs ro,/m);
    const lines = said.split("\n");
    // 44 is the group that the fixture's accounts list user 33 in.
    assert.deepEqual(lines.slice(0, 3), ["33", "34", "34 35 44"]);
    const has = (line: string | RegExp) =>
      assert(lines.some((one) => typeof line === "string" ? one === line : line.test(one)), said);
    has(/^CapBnd:\s+0000000000000001$/);
    has(/^NoNewPrivs:\s+1$/);
    has(/^Seccomp:\s+2$/);
    has(`memory ${64 << 20}`);
    has("score 500");
    has("kcore 0");
    for (const what of ["sys read-only", "root read-only", "data read-only"]) has(what);
    has("no namespaces");
    has("mine a b web-0 /data/sub");
    has("x");
    has("pid 1");
  },
});

Deno.test({
  ...whereAllIs("a privileged container's spec runs without fences, among the pod's processes"),
  async fn() {
    await using world = new RealPod();
    const pod = await world.start();
    const said = await world.run(
      pod,
      `
      grep -E '^(CapBnd|Seccomp):' /proc/self/status
      grep -E ' /(sys|sys/fs/cgroup)( |/)' /proc/self/mounts
      ls -l /dev/oci-null
      cat /proc/1/cmdline | tr '\\0' ' '
    `,
      {
        devices: [{ hostPath: "/dev/null", containerPath: "/dev/oci-null", permissions: "rw" }],
        linux: { securityContext: { privileged: true, maskedPaths: ["/proc/kcore"] } },
      },
      {
        devices: [[{
          path: "/dev/null",
          type: "c",
          major: 1,
          minor: 3,
          fileMode: 0o666,
          uid: 0,
          gid: 0,
        }]],
      },
    );
    assert.match(said, /^Seccomp:\s+0$/m);
    assert.match(said, / \/sys sysfs rw,/);
    assert.match(said, /1, +3 .* \/dev\/oci-null$/m);
    assert.match(said, /^\/bin\/busybox sleep 120 $/m);
  },
});
