/** The kubelet that runs here, if one does, and the daemon itself. */
import { parse } from "./yaml.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { type Check, type Node, readText } from "./node.ts";
import { type Process, processes } from "./process.ts";

export const checkKubelet: Check = async (node) => {
  const { ok } = findingsOf("kubelet");
  const kubelet = processes(node).find(({ name }) => name === "kubelet");
  if (kubelet === undefined) return [ok("No kubelet runs here")];
  const file = flag(kubelet, "config");
  const config = parse(file === undefined ? "" : readText(node, file));
  return [socket(node, kubelet, config), await driver(node, kubelet, config)];
};

type Values = ReadonlyMap<string, string>;

function socket(node: Node, kubelet: Process, config: Values): Finding {
  const { ok, warn, fail } = findingsOf("kubelet");
  const own = `unix://${node.config.listen}`;
  const given = flag(kubelet, "container-runtime-endpoint") ??
    config.get("containerRuntimeEndpoint");
  const remedy = `--container-runtime-endpoint=${own}, as install.sh --kubelet sets it`;
  if (given === undefined || given === "") {
    return warn("The kubelet names no container runtime", remedy);
  }
  return given === own || `unix://${given}` === own
    ? ok(`The kubelet talks with this daemon, on ${own}`)
    : fail(`The kubelet talks with ${given}, not with this daemon`, remedy);
}

async function driver(node: Node, kubelet: Process, config: Values): Promise<Finding> {
  const { ok, fail } = findingsOf("cgroup-driver");
  const isSystemd = (await node.stat("/run/systemd/system"))?.isDirectory === true;
  const configured = node.config.cgroup.driver;
  const own = configured !== "auto" ? configured : isSystemd ? "systemd" : "cgroupfs";
  // Since 1.28 the kubelet asks the runtime, and takes its own only from one that can't say.
  const given = flag(kubelet, "cgroup-driver") ?? config.get("cgroupDriver") ?? own;
  return given === own ? ok(`The cgroup driver of both is ${own}`) : fail(
    `The kubelet's cgroup driver is ${given}, and this daemon's ${own}`,
    `set cgroupDriver: ${own} for the kubelet, or cgroup.driver = "${given}" here`,
  );
}

/** The value of --name VALUE or --name=VALUE, the last one. */
function flag({ args }: Process, name: string): string | undefined {
  let value: string | undefined;
  args.forEach((arg, at) => {
    if (arg.startsWith(`--${name}=`)) value = arg.slice(name.length + 3);
    if (arg === `--${name}`) value = args[at + 1];
  });
  return value;
}

export const checkDaemon: Check = async (node) => {
  const { ok, warn, fail } = findingsOf("daemon");
  const report = await node.askDaemon();
  if (report === undefined) {
    return [warn(
      `No daemon answers on ${node.config.listen}`,
      "systemctl start cri-containerd; `journalctl -u cri-containerd` says why it doesn't run",
    )];
  }
  const recovering = report.isRecovered ? [] : [warn(
    "The daemon is still finding its pods",
    "its log says what it waits for, if this lasts",
  )];
  const conditions = report.conditions.map(({ type, status, message }) =>
    status ? ok(`${type}`) : fail(`Not ${type}: ${message}`, "see the checks of what it names")
  );
  return [ok(`The daemon (${report.version}) serves on ${node.config.listen}`), ...recovering]
    .concat(conditions);
};
