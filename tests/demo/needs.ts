/** What the demo needs of the machine, and the package that has it. */
import { PLUGIN_DIRS } from "../world/network.ts";

interface Need {
  readonly what: string;
  /** Debian's and Ubuntu's package. */
  readonly package: string;
  isHere(): Promise<boolean>;
}

const NEEDS: readonly Need[] = [
  onPath("containerd", "containerd"),
  onPath("containerd-shim-runc-v2", "containerd"),
  onPath("runc", "runc"),
  onPath("iptables", "iptables"),
  onPath("ip", "iproute2"),
  ...["bridge", "host-local", "portmap", "loopback"].map((plugin) => ({
    what: `the CNI plugin ${plugin} in ${PLUGIN_DIRS.join(" or ")}`,
    package: "containernetworking-plugins",
    isHere: () => isAnyFile(PLUGIN_DIRS.map((dir) => `${dir}/${plugin}`)),
  })),
  {
    what: "a busybox that needs no libraries at /bin/busybox",
    package: "busybox-static",
    isHere: isStaticBusybox,
  },
];

/** Fails with what is missing and how to get it. */
export async function checkNeeds(): Promise<void> {
  if (Deno.uid() !== 0) {
    throw new Error(
      "it needs root, for it makes namespaces, mounts and networks; try it with sudo",
    );
  }
  const here = await Promise.all(NEEDS.map((need) => need.isHere()));
  const missing = NEEDS.filter((_, index) => here[index] === false);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((need) => need.package))].join(" ");
  const list = missing.map(({ what }) => `\n  - ${what}`).join("");
  throw new Error(`missing here:${list}\nInstall them with: apt-get install ${packages}`);
}

function onPath(program: string, packageName: string): Need {
  return {
    what: program,
    package: packageName,
    isHere: () => {
      const path = (Deno.env.get("PATH") ?? "").split(":").filter((dir) => dir !== "");
      return isAnyFile(path.map((dir) => `${dir}/${program}`));
    },
  };
}

async function isAnyFile(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    paths.map((path) => Deno.stat(path).then(({ isFile }) => isFile, () => false)),
  );
  return found.includes(true);
}

/** A program linked to libraries names the loader that it starts by. */
async function isStaticBusybox(): Promise<boolean> {
  try {
    using file = await Deno.open("/bin/busybox");
    const head = new Uint8Array(4_096);
    await file.read(head);
    return !new TextDecoder("latin1").decode(head).includes("/ld-linux");
  } catch {
    return false;
  }
}
