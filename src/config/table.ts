/**
 * Every key of the configuration: its type, default, meaning and bounds.
 *
 * This table alone yields the {@link Config} type, the defaults, validation and its error texts,
 * `config default`, docs/configuration.md and the words of shell completion.
 * {@link Config} keeps the names of the file (snake_case), so that one search finds a key in the
 * file, the documentation and the code. Durations are held in milliseconds. Tables with free keys
 * are Maps, because their names also come from pods.
 */
import { LOG_FORMATS, LOG_LEVELS } from "../base/log_format.ts";
import {
  choice,
  duration,
  endpoint,
  flag,
  integer,
  type Named,
  path,
  paths,
  scalars,
  section,
  text,
  texts,
  type ValueOf,
} from "./field.ts";
import { IMAGES } from "./table_images.ts";
import { STREAMING } from "./table_streaming.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,75}$/;

const RUNTIME = {
  type: text({
    default: "io.containerd.runc.v2",
    form: /^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+|\/\P{Cc}+)$/u,
    allowed: 'a shim\'s name such as "io.containerd.runc.v2", or its absolute path',
    meaning: "The containerd shim that runs the pods of this runtime.",
  }),
  options: scalars({
    default: new Map(),
    meaning: "Options handed to the shim under the shim's own names, such as BinaryName, Root " +
      "or SystemdCgroup for runc and ConfigPath for others.",
  }),
  snapshotter: text({
    default: "",
    meaning: 'Another snapshotter for the pods of this runtime; "" is that of [containerd].',
  }),
  base_spec: path({
    default: "",
    empty: "the built-in one",
    meaning: "A JSON file with the OCI runtime spec that containers start from.",
  }),
  pod_annotations: texts({
    default: [],
    meaning: "Pod annotations that are handed on to the runtime; a name may end in *.",
  }),
  container_annotations: texts({
    default: [],
    meaning: "Container annotations that are handed on to the runtime; a name may end in *.",
  }),
  privileged_without_host_devices: flag({
    default: false,
    meaning: "Privileged containers don't get the node's devices.",
  }),
  cgroup_writable: flag({
    default: false,
    meaning: "Unprivileged containers may write to their own cgroup (cgroup v2 only).",
  }),
} as const;

const RUNTIMES: Named<typeof RUNTIME> = {
  node: "named",
  meaning: "A runtime that pods choose by the handler of their RuntimeClass.",
  keys: RUNTIME,
  always: ["runc"],
  allowedName: "letters, digits, dot, dash and underscore, at most 76 of them",
  name: NAME,
};

/** The root of the configuration. */
export const TABLE = section("", {
  root: path({
    default: "/var/lib/cri-containerd",
    meaning: "Folder for what survives a reboot.",
  }),
  state: path({
    default: "/run/cri-containerd",
    meaning: "Folder for what doesn't survive a reboot.",
  }),
  listen: path({
    default: ({ state }) => `${state}/cri-containerd.sock`,
    meaning: "The unix socket on which the kubelet is served; " +
      "`--container-runtime-endpoint=unix://…` of the kubelet names the same path.",
  }),

  log: section("What the daemon logs about itself.", {
    level: choice({
      default: "info",
      choices: LOG_LEVELS,
      meaning: "The least important lines that are written. " +
        "SIGUSR1 switches between this level and debug while the daemon runs.",
    }),
    format: choice({
      default: "auto",
      choices: LOG_FORMATS,
      meaning:
        "How lines are written. journal is logfmt as journald wants it, without time and with " +
        "the priority; auto is text on a terminal, journal under systemd and logfmt elsewhere.",
    }),
  }),

  containerd: section("The containerd that holds images and runs containers.", {
    managed: flag({
      default: false,
      meaning: "Start and watch a containerd of our own, in folders below root and state, " +
        "instead of using the one at `address`.",
    }),
    binaries: path({
      default: "",
      empty: "those on PATH",
      meaning: "Folder of containerd, its shim and runc, when containerd is managed.",
    }),
    address: path({
      default: "/run/containerd/containerd.sock",
      meaning: "The unix socket of containerd, when it isn't managed.",
    }),
    namespace: text({
      default: "k8s.io",
      form: /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/,
      allowed: "letters and digits with single dots, dashes or underscores between them",
      meaning: "The containerd namespace of pods and images, as in `ctr -n k8s.io`.",
    }),
    snapshotter: text({
      default: "overlayfs",
      form: NAME,
      allowed: 'the name of a snapshotter, such as "overlayfs" or "native"',
      meaning: "The containerd snapshotter that containers' root file systems come from.",
    }),
    default_runtime: text({
      default: "runc",
      form: NAME,
      allowed: "the name of a runtime",
      meaning: "The runtime of pods that name none.",
    }),
    runtimes: RUNTIMES,
  }),

  cni: section("The pods' network.", {
    conf_dir: path({
      default: "/etc/cni/net.d",
      meaning: "Folder of network configurations; the first in order of name is used.",
    }),
    bin_dirs: paths({
      default: ["/opt/cni/bin", "/usr/lib/cni"],
      meaning: "Folders of network plugins, searched in this order.",
    }),
    netns_dir: path({
      default: "/var/run/netns",
      meaning: "Folder in which network namespaces are pinned.",
    }),
    cache_dir: path({
      default: "/var/lib/cni",
      meaning: "Folder of the results of network plugins, in the form that other tools share.",
    }),
    max_conf_num: integer({
      default: 1,
      min: 0,
      max: 32,
      meaning: "How many of the configurations are used, the first for eth0; 0 is all.",
    }),
    plugin_timeout: duration({
      default: MINUTE,
      min: SECOND,
      max: HOUR,
      meaning: "How long one call of a network plugin may take.",
    }),
  }),

  images: IMAGES,

  logs: section("Containers' logs.", {
    dirs: paths({
      default: ["/var/log/pods"],
      meaning: "Folders under which pods may have their log directories.",
    }),
    max_line_bytes: integer({
      default: 16_384,
      min: 256,
      max: 1_048_576,
      meaning: "Longer lines are written in parts, marked as such.",
    }),
    journal: path({
      default: "",
      empty: "log files only",
      meaning:
        "The socket of journald, /run/systemd/journal/socket: containers' output goes there " +
        "too, with the names of container, pod and namespace.",
    }),
  }),

  cgroup: section("Control groups.", {
    driver: choice({
      default: "auto",
      choices: ["auto", "cgroupfs", "systemd"],
      meaning: "Who makes pods' cgroups: auto is systemd where systemd runs the node, and the " +
        "kubelet is told.",
    }),
  }),

  selinux: section("SELinux.", {
    enabled: flag({
      default: false,
      meaning: "Containers and their files are labelled, each pod on a level of its own, and " +
        "volumes are relabelled where a pod asks for it. It takes a policy with types for " +
        "containers; on a node without SELinux it changes nothing.",
    }),
    category_range: integer({
      default: 1024,
      min: 2,
      max: 1024,
      meaning: "Levels are made of two categories below this number.",
    }),
  }),

  cdi: section("Devices that vendors describe in files.", {
    spec_dirs: paths({
      default: ["/etc/cdi", "/var/run/cdi"],
      meaning:
        "Folders of CDI files; a device in a later one counts before the same in an earlier.",
    }),
  }),

  checkpoints: section("Archives of running containers.", {
    dirs: paths({
      default: ["/var/lib/kubelet/checkpoints"],
      meaning: "Folders under which CheckpointContainer may write them; the kubelet's is " +
        "checkpoints in its --root-dir.",
    }),
  }),

  streaming: STREAMING,

  metrics: section("Metrics for Prometheus.", {
    address: endpoint({
      default: "",
      empty: "no metrics",
      meaning: "Where they are served at /metrics: an address, or the path of a unix socket.",
    }),
  }),

  cri: section("The kubelet's connection.", {
    max_message_mib: integer({
      default: 16,
      min: 4,
      max: 256,
      meaning: "The largest request that is accepted, in MiB.",
    }),
    socket_gid: integer({
      default: 0,
      min: 0,
      max: 4_294_967_294,
      meaning:
        "The group that may connect beside root. Whoever may, runs what they like on the node.",
    }),
  }),
});

/** The configuration as the daemon uses it: every key present, plain and structured clonable. */
export type Config = ValueOf<typeof TABLE>;
/** One of `[containerd.runtimes.NAME]`. */
export type RuntimeConfig = ValueOf<typeof RUNTIMES> extends ReadonlyMap<string, infer R> ? R
  : never;
export type LogLevel = Config["log"]["level"];
export type LogFormat = Config["log"]["format"];
