/** Where a container's cgroup is, in the two forms that runtimes read. */
import { invalidArgument } from "../base/errors.ts";
import { cleanPath } from "./path.ts";

/** Names of scopes begin with it; the kubelet and cAdvisor look for it. */
const SCOPE_PREFIX = "cri-containerd";

/** Parent of what comes without one, beside other programs' containers of this containerd. */
const DEFAULT_PARENT = "/k8s.io";
const DEFAULT_SLICE = "system.slice";

const FIELD = "config.linux.cgroup_parent";

/**
 * The cgroup of a sandbox or container: `/parent/id`, for systemd `parent.slice:cri-containerd:id`.
 * A slice's name holds the names of those above it, so systemd wants the last one alone.
 *
 * @throws CriError invalidArgument for a parent that is no slice where systemd makes the cgroups
 */
export function cgroupsPath(
  driver: "cgroupfs" | "systemd",
  { parent, id }: { parent: string; id: string },
): string {
  if (driver === "cgroupfs") {
    return cleanPath(`${parent === "" ? DEFAULT_PARENT : cleanPath(parent)}/${id}`);
  }
  const slice = parent === "" ? DEFAULT_SLICE : cleanPath(parent).split("/").at(-1) ?? "";
  if (/^[^:]+\.slice$/.test(slice)) return `${slice}:${SCOPE_PREFIX}:${id}`;
  throw invalidArgument(
    FIELD,
    `${JSON.stringify(parent)} is not a slice: this node's cgroups are made by systemd, ` +
      "the client seems to count on the cgroupfs driver",
  );
}

/** The path of that cgroup in a hierarchy, as the runtime makes it of the name above. */
export function cgroupPath(
  driver: "cgroupfs" | "systemd",
  place: { parent: string; id: string },
): string {
  const name = cgroupsPath(driver, place);
  if (driver === "cgroupfs") return name;
  const [slice = "", prefix, id] = name.split(":");
  return `${slicePath(slice)}/${prefix}-${id}.scope`;
}

/** A slice lies in those whose names its own begins with (systemd.slice(5)). */
function slicePath(slice: string): string {
  const parts = slice.slice(0, -".slice".length).split("-");
  if (slice === "-.slice") return "";
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}
