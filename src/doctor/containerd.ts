/** containerd and the programs that it runs. */
import { type Finding, findingsOf } from "./finding.ts";
import { type Check, messageOf, type Node } from "./node.ts";

const OLDEST: readonly [number, number] = [1, 6];
/** The plugins by which containerd serves the CRI itself: before 2.0, and since. */
const BUILTIN_CRI = ["io.containerd.grpc.v1", "io.containerd.cri.v1"];

export const checkPrograms: Check = async (node) => {
  const { ok, fail, warn } = findingsOf("programs");
  const { managed, runtimes, binaries } = node.config.containerd;
  const where = binaries === "" ? "on PATH" : `in ${binaries} and on PATH`;
  const names = [...managed ? ["containerd"] : [], ...[...runtimes.values()].flatMap(programsOf)];
  const findings = await Promise.all([...new Set(names)].map(async (name) => {
    const found = await node.programVersion(name);
    if (found !== undefined) return ok(`${found.path}: ${found.text}`);
    const text = `${name} isn't ${where}, or doesn't run`;
    // A containerd of its own service may have another PATH.
    return managed ? fail(text, "install it, or name its folder in containerd.binaries") : warn(
      text,
      "containerd finds its shims and runtimes on its own PATH; see that they are there",
    );
  }));
  return findings;
};

/** The shim of a runtime, and runc behind it. */
function programsOf(
  { type, options }: { type: string; options: ReadonlyMap<string, unknown> },
): string[] {
  if (type.startsWith("/")) return [type];
  const [name = "", version = ""] = type.split(".").slice(-2);
  const shim = `containerd-shim-${name}-${version}`;
  return name === "runc" ? [shim, String(options.get("BinaryName") || "runc")] : [shim];
}

export const checkContainerd: Check = async (node) => {
  const { ok, warn, fail } = findingsOf("containerd");
  const { address, managed, namespace } = node.config.containerd;
  let version: string;
  try {
    ({ version } = await node.containerd.version());
  } catch (error) {
    const text = `containerd doesn't answer on ${address}: ${messageOf(error)}`;
    return [
      managed
        ? warn(text, "it is the daemon's own and runs with it: systemctl start cri-containerd")
        : fail(text, "systemctl start containerd, or name its socket in containerd.address"),
    ];
  }
  const findings: Finding[] = [
    isAtLeast(version, OLDEST) ? ok(`containerd ${version} answers on ${address}`) : fail(
      `containerd ${version} is older than ${OLDEST.join(".")}`,
      "install a newer one, or set containerd.managed = true with a newer one in containerd.binaries",
    ),
  ];
  const names = await node.containerd.namespaces.list().catch(() => undefined);
  if (names !== undefined) {
    findings.push(
      ok(
        `Namespace ${namespace} ${
          names.includes(namespace) ? "is there" : "is made at the first start"
        }`,
      ),
    );
  }
  return [...findings, ...await plugins(node)];
};

async function plugins(node: Node): Promise<Finding[]> {
  const { ok, warn, fail } = findingsOf("builtin-cri");
  const snapshotters = findingsOf("snapshotter");
  const { snapshotter } = node.config.containerd;
  const all = await node.containerd.introspection.plugins([]).catch(() => []);
  if (all.length === 0) return [];
  const own = all.find(({ type, id }) =>
    type === "io.containerd.snapshotter.v1" && id === snapshotter
  );
  const cri = all.some(({ type, id, initError }) =>
    BUILTIN_CRI.includes(type) && ["cri", "runtime"].includes(id) && initError === ""
  );
  return [
    own?.initError === ""
      ? snapshotters.ok(`The snapshotter ${snapshotter} is there`)
      : snapshotters.fail(
        `The snapshotter ${snapshotter} ${
          own === undefined ? "isn't there" : `failed: ${own.initError}`
        }`,
        "name another one in containerd.snapshotter, or load what its message names",
      ),
    !cri ? ok("containerd's own CRI is off") : kubeletUses(node) === "containerd"
      ? fail(
        "containerd's own CRI is on, and the kubelet uses it: two would look after the same pods",
        "point the kubelet at this daemon, and run install.sh --disable-builtin-cri",
      )
      : warn(
        "containerd's own CRI is on beside this daemon; it takes pods of the namespace for its own " +
          "when containerd starts",
        "run install.sh --disable-builtin-cri, or add it to disabled_plugins in containerd's config",
      ),
  ];
}

/** Whose socket the kubelet that runs here names. */
function kubeletUses({ linux, config }: Node): "containerd" | "us" | "unknown" {
  for (const pid of linux.listFolder("/proc").filter((name) => /^\d+$/.test(name))) {
    const args = (linux.readFileIfAny(`/proc/${pid}/cmdline`) ?? "").split("\0");
    if (args[0]?.split("/").at(-1) !== "kubelet") continue;
    if (args.some((arg) => arg.includes(config.listen))) return "us";
    if (args.some((arg) => arg.includes(config.containerd.address))) return "containerd";
  }
  return "unknown";
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, own = "0", ownMinor = "0"] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(own) > major || (Number(own) === major && Number(ownMinor) >= minor);
}
