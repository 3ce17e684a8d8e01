/** What runc and the network plugins take by themselves, without any daemon. */
import { runClient } from "../client.ts";
import type { Ours } from "../sides.ts";
import { median, type Row } from "../statistics.ts";
import type { Arena, Section } from "./section.ts";

const PODS = 5;
const ROUNDS = 5;

/** Where the client makes its namespace. */
const NETNS = "/var/run/netns/floor";

const UP = ["CNI ADD", "runc create, sandbox", "runc start, sandbox"];
const UP_CONTAINER = ["runc create, container", "runc start, container"];
const DOWN = [
  "runc kill, container",
  "runc delete, container",
  "runc kill, sandbox",
  "runc delete, sandbox",
  "CNI DEL",
];

export const floor: Section = {
  meaning: "the programs that a pod's start and stop come down to, run without any daemon on the " +
    "bundles of a pod of ours; in sequence, and with the network beside runc",
  measure: async (arena): Promise<Row[]> => {
    const { ours, node } = arena;
    const bundles = await Deno.makeTempDir({ prefix: "cri-bench-floor-" });
    try {
      await runClient("make", { ...ours.flags, count: 1 });
      await copyBundles(ours, bundles);
      const flags = {
        bundles,
        conf: `${ours.network.confDir}/10-pods.conflist`,
        plugins: node.pluginDirs[0] ?? "",
        runc: node.runc,
        count: PODS,
      };
      const rounds: Record<string, readonly number[]>[] = [];
      for (let round = 0; round < roundsOf(arena); round++) {
        rounds.push((await runClient("floor", flags)).samples);
      }
      return rowsOf(rounds);
    } finally {
      await runClient("clear", ours.flags);
      await Deno.remove(bundles, { recursive: true });
    }
  },
};

const roundsOf = ({ rounds }: Arena) => rounds > 0 ? rounds : ROUNDS;

function rowsOf(rounds: readonly Record<string, readonly number[]>[]): Row[] {
  const of = (name: string) => rounds.map((samples) => median(samples[name] ?? []));
  const row = (what: string, ours: readonly number[]): Row => ({
    what,
    unit: "ms",
    ours,
    theirs: [],
  });
  const sum = (names: readonly string[]) =>
    rounds.map((_, round) => names.reduce((total, name) => total + (of(name)[round] ?? NaN), 0));
  const most = (a: readonly number[], b: readonly number[]) =>
    a.map((value, round) => Math.max(value, b[round] ?? NaN));
  const plus = (a: readonly number[], b: readonly number[]) =>
    a.map((value, round) => value + (b[round] ?? NaN));
  const [add = "", create = "", start = ""] = UP;
  const [killContainer = "", , killSandbox = "", deleteSandbox = "", del = ""] = DOWN;
  const container = sum(UP_CONTAINER);
  return [
    ...[...UP, ...UP_CONTAINER, ...DOWN].map((name) => row(name, of(name))),
    row("start in sequence", plus(sum(UP), container)),
    row(
      "start, CNI beside runc create",
      plus(plus(most(of(add), of(create)), of(start)), container),
    ),
    row("stop in sequence", sum(DOWN)),
    row(
      "stop, CNI and the container's delete beside the sandbox's",
      plus(of(killContainer), most(sum([killSandbox, deleteSandbox]), of(del))),
    ),
  ];
}

interface Spec {
  root: { path: string };
  linux: { cgroupsPath: string; namespaces: { type: string; path?: string }[] };
}

/** The bundles of the one running pod, with a root, cgroup and namespaces of their own. */
async function copyBundles(ours: Ours, bundles: string): Promise<void> {
  const tasks = `${ours.containerdState}/io.containerd.runtime.v2.task/k8s.io`;
  for await (const { name } of Deno.readDir(tasks)) {
    const bundle = `${tasks}/${name}`;
    const text = await Deno.readTextFile(`${bundle}/config.json`);
    const spec: Spec & { annotations: Record<string, string> } = JSON.parse(text);
    const kind = spec.annotations["io.kubernetes.cri.container-type"] ?? "";
    const copy = `${bundles}/${kind}`;
    await Deno.mkdir(copy, { recursive: true });
    spec.root.path = `${bundle}/rootfs`;
    spec.linux.cgroupsPath = `${spec.linux.cgroupsPath}-floor`;
    for (const namespace of spec.linux.namespaces) {
      if (namespace.type === "network") namespace.path = NETNS;
      else if (namespace.path !== undefined) {
        namespace.path = namespace.path.replace(/^\/proc\/\d+\//, "/proc/@PID@/");
      }
    }
    const file = kind === "sandbox" ? "config.json" : "config.json.in";
    await Deno.writeTextFile(`${copy}/${file}`, JSON.stringify(spec));
  }
}
