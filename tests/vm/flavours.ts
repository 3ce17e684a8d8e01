/** The machines that tests are run in: each a disk of its own, with other words to its kernel. */
import { ROOT } from "../check/source.ts";
import { sh } from "../world/sh.ts";

export interface Flavour {
  /** Its tests are in tests/vm/NAME.sh. */
  readonly name: string;
  /** For the kernel. */
  readonly words: string;
  /** The last that is done to its root. */
  finish?(root: string): Promise<void>;
}

export const FLAVOURS: readonly Flavour[] = [
  { name: "systemd", words: "apparmor=1 security=apparmor" },
  { name: "selinux", words: "selinux=1 security=selinux", finish: labelAll },
];

/** The policy gets types for containers, and every file the label that the policy gives it. */
async function labelAll(root: string): Promise<void> {
  await Deno.copyFile(`${ROOT}tests/vm/containers.cil`, `${root}/opt/vm/containers.cil`);
  const contexts = "/etc/selinux/default/contexts/files/file_contexts";
  // This module contradicts itself in Debian 12, so that no other can be added beside it.
  const modules = "semodule -n -X 100 -r spamassassin -X 400 -i /opt/vm/containers.cil";
  const inRoot = `${modules} && setfiles -F -e /proc ${contexts} /`;
  const script = `mount -t proc proc "$1/proc" && chroot "$1" sh -c '${inRoot}'`;
  await sh("unshare", "-m", "sh", "-c", script, "sh", root);
}
