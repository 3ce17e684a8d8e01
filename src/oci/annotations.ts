/** What runtimes and tools read of a spec, under containerd's names: all others know those. */
import type { PodSandboxConfig } from "../gen/cri/v1/api.ts";

const PREFIX = "io.kubernetes.cri";

/** Annotations of the pod's own container. */
export function sandboxAnnotations(
  { id, config, imageName }: { id: string; config: PodSandboxConfig; imageName: string },
  allowed: readonly string[],
): Record<string, string> {
  const { linux, logDirectory } = config;
  return record([
    ...passedThrough(config.annotations, allowed),
    ...podEntries("sandbox", id, config),
    [`${PREFIX}.sandbox-log-directory`, logDirectory],
    [`${PREFIX}.podsandbox.image-name`, imageName],
    ...(linux?.resources === undefined ? [] : resourceEntries(linux.resources)),
  ]);
}

/** Annotations of a container in a pod. */
export function containerAnnotations(
  { pod, annotations, name, imageName }: {
    pod: { id: string; config: PodSandboxConfig };
    annotations: ReadonlyMap<string, string>;
    name: string;
    imageName: string;
  },
  allowed: { podAnnotations: readonly string[]; containerAnnotations: readonly string[] },
): Record<string, string> {
  return record([
    ...passedThrough(pod.config.annotations, allowed.podAnnotations),
    ...passedThrough(annotations, allowed.containerAnnotations),
    ...podEntries("container", pod.id, pod.config),
    [`${PREFIX}.container-name`, name],
    [`${PREFIX}.image-name`, imageName],
  ]);
}

type Entry = [name: string, value: string];

function podEntries(type: string, id: string, { metadata }: PodSandboxConfig): Entry[] {
  return [
    [`${PREFIX}.container-type`, type],
    [`${PREFIX}.sandbox-id`, id],
    [`${PREFIX}.sandbox-name`, metadata?.name ?? ""],
    [`${PREFIX}.sandbox-namespace`, metadata?.namespace ?? ""],
    [`${PREFIX}.sandbox-uid`, metadata?.uid ?? ""],
  ];
}

/** What the pod's containers need in all: runtimes with a machine for each pod size it by this. */
function resourceEntries(
  resources: NonNullable<NonNullable<PodSandboxConfig["linux"]>["resources"]>,
): Entry[] {
  return [
    [`${PREFIX}.sandbox-cpu-period`, String(resources.cpuPeriod)],
    [`${PREFIX}.sandbox-cpu-quota`, String(resources.cpuQuota)],
    [`${PREFIX}.sandbox-cpu-shares`, String(resources.cpuShares)],
    [`${PREFIX}.sandbox-memory`, String(resources.memoryLimitInBytes)],
  ];
}

/** Nothing passes that the node's configuration doesn't name: runtimes obey annotations. */
function passedThrough(
  annotations: ReadonlyMap<string, string>,
  allowed: readonly string[],
): Entry[] {
  const patterns = allowed.map(toPattern);
  return [...annotations].filter(([name]) => patterns.some((pattern) => pattern.test(name)));
}

/** `*` and `?` stand for anything but a slash, as in containerd's configuration. */
function toPattern(text: string): RegExp {
  const source = text.replace(/[.+^${}()|[\]\\*?]/g, (character) => {
    if (character === "*") return "[^/]*";
    return character === "?" ? "[^/]" : `\\${character}`;
  });
  return new RegExp(`^${source}$`);
}

/** Later entries win, so nothing of the pod's can pose as ours. Sorted, for equal specs. */
function record(entries: Entry[]): Record<string, string> {
  const sorted = [...new Map(entries)].sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(sorted);
}
