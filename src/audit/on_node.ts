/** Folders, cgroups, shims and a runtime's own records whose container is recorded no more. */
import { removePath } from "../base/gone.ts";
import { namesIn } from "../base/names_in.ts";
import type { Linux } from "../linux/linux.ts";
import type { Shim } from "../linux/shims.ts";
import { ownedFolders } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";
import { isId, type Leftover, type Look } from "./leftover.ts";

export interface OnNodeDeps {
  readonly settings: Pick<Settings, "rootDir" | "stateDir" | "runtimes">;
  readonly containerdAddress: string;
  readonly namespace: string;
  readonly linux:
    & Pick<Linux, "mountsUnder" | "unmount" | "removeCgroup" | "removeFiles" | "readFileIfAny">
    & {
      shimsOf(address: string): Shim[];
      endShim(pid: number): void;
      emptyCgroups(isName: (name: string) => boolean): string[];
    };
}

export function looksOnNode(deps: OnNodeDeps): Look[] {
  return [
    () => Promise.resolve(lookForShims(deps)),
    () => lookForFolders(deps),
    () => lookForRuntimeState(deps),
    () => Promise.resolve(lookForCgroups(deps)),
  ];
}

function lookForShims(
  { linux, containerdAddress, namespace }: OnNodeDeps,
): Awaited<ReturnType<Look>> {
  const shims = linux.shimsOf(containerdAddress).filter((shim) => shim.namespace === namespace);
  return ({ ids }) =>
    shims.filter(({ id, isForgotten }) => isForgotten || !ids.has(id))
      .map(({ id, pid }): Leftover => ({
        kind: "shim",
        name: String(pid),
        text: `The shim of ${id} (process ${pid}) serves no container any more`,
        remedy: `kill -9 ${pid} and its children`,
        remove: () => Promise.resolve(linux.endShim(pid)),
      }));
}

async function lookForFolders({ linux, settings }: OnNodeDeps): ReturnType<Look> {
  const found: { owner: "pod" | "container"; id: string; path: string }[] = [];
  for (const { dir, owner } of ownedFolders(settings)) {
    for (const id of await namesIn(dir)) found.push({ owner, id, path: `${dir}/${id}` });
  }
  return ({ ids }) =>
    found.filter(({ id }) => !ids.has(id)).map(({ owner, path }): Leftover => {
      const mounts = linux.mountsUnder(path).reverse();
      return {
        kind: "folder",
        name: path,
        text: `${path} is no ${owner}'s` +
          (mounts.length === 0 ? "" : `, and has ${mounts.length} mounts in it`),
        remedy: [...mounts.map((mount) => `umount ${mount}`), `rm -r ${path}`].join("; "),
        remove: async () => {
          for (const mount of mounts) linux.unmount(mount);
          await removePath(path);
        },
      };
    });
}

async function lookForRuntimeState({ linux, settings }: OnNodeDeps): ReturnType<Look> {
  const dirs = new Set([...settings.runtimes.values()].flatMap(({ stateDir }) => stateDir ?? []));
  const found: { id: string; path: string }[] = [];
  for (const dir of dirs) {
    for (const id of (await namesIn(dir)).filter(isId)) {
      const path = `${dir}/${id}`;
      if (!isAlive(linux, `${path}/state.json`)) found.push({ id, path });
    }
  }
  return ({ ids }) =>
    found.filter(({ id }) => !ids.has(id)).map(({ id, path }): Leftover => ({
      kind: "runtime state",
      name: path,
      text: `The runtime still has ${id} on its list, which is no container any more`,
      remedy: `rm -r ${path}`,
      remove: () => Promise.resolve(linux.removeFiles(path)),
    }));
}

/** Several containerds can have their runtimes' records in one folder. */
function isAlive({ readFileIfAny }: Pick<Linux, "readFileIfAny">, file: string): boolean {
  const pid = /"init_process_pid":(\d+)/.exec(readFileIfAny(file) ?? "")?.[1];
  return pid !== undefined && pid !== "0" && readFileIfAny(`/proc/${pid}/stat`) !== undefined;
}

/** Other programs' cgroups have names of the same form, so only those in pods' places count. */
const POD_PLACE = /^\/(?:k8s\.io|kubepods[^/]*)\//;
const SCOPE = /^cri-containerd-(.+)\.scope$/;

/** Only empty ones: what runs is a task's or a shim's, which go first, or another daemon's. */
function lookForCgroups({ linux }: OnNodeDeps): Awaited<ReturnType<Look>> {
  const empty = linux.emptyCgroups((name) => isId(name.replace(SCOPE, "$1")));
  return ({ ids, cgroupParents }) =>
    empty.filter((path) => {
      const [name = "", parent] = [path.split("/").at(-1), path.slice(0, path.lastIndexOf("/"))];
      const isPods = POD_PLACE.test(path) || SCOPE.test(name) || cgroupParents.has(parent);
      return isPods && !ids.has(name.replace(SCOPE, "$1"));
    }).map((path): Leftover => ({
      kind: "cgroup",
      name: path,
      text: `The cgroup ${path} is empty and no container's`,
      remedy: `find /sys/fs/cgroup -depth -type d -path '*${path}*' -exec rmdir {} +`,
      remove: () => linux.removeCgroup(path),
    }));
}
