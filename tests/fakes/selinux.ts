/** A node with SELinux, in memory: the labels of files that were given any. */
import type { Selinux } from "../../src/containers/selinux.ts";
import { LevelRegistry } from "../../src/state/levels.ts";

export const CONTEXTS: Selinux["contexts"] = {
  process: "system_u:system_r:container_t:s0",
  file: "system_u:object_r:container_file_t:s0",
};

export interface FakeSelinux extends Selinux {
  /** By path; a volume that was relabelled stands for what is in it. */
  readonly labels: Map<string, string>;
}

export function fakeSelinux(labels: Map<string, string> = new Map()): FakeSelinux {
  return {
    contexts: CONTEXTS,
    levels: new LevelRegistry(1024),
    labels,
    files: {
      label: (path, label) => void labels.set(path, label),
      relabel: (path, label) => Promise.resolve(void labels.set(path, label)),
    },
  };
}
