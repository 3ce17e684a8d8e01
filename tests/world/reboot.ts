/** A reboot of a test's node: no process, mount, interface or runtime folder outlives it. */
import { removeCgroup } from "./cgroups.ts";
import type { Daemon } from "./daemon.ts";
import { eventually } from "./delay.ts";
import { sh } from "./sh.ts";
import { endProcess, killShims, processesNaming, unmountUnder } from "./processes.ts";

/** Ends everything at once, as a power failure does, and leaves the daemon to be started again. */
export async function powerOff(daemon: Daemon): Promise<void> {
  const { dir, containerdAddress, network } = daemon;
  await daemon.stop("SIGKILL");
  await endProcess(`${dir}/state/containerd/pid.json`);
  await killShims(containerdAddress);
  await eventually(
    "the end of the shims",
    async () => (await processesNaming(`-address ${containerdAddress}`)).length === 0,
  );
  await unmountUnder(dir);
  await network.remove();
  await removeRules(network.name);
  await removeCgroup(daemon.cgroupParent);
  await Deno.remove(`${dir}/state`, { recursive: true });
}

/** The kernel's table of rules is empty after a reboot; here it has other tests' rules too. */
async function removeRules(network: string): Promise<void> {
  const table = ["-w", "-t", "nat"];
  const rules = (await sh("iptables", ...table, "-S")).split("\n")
    .filter((rule) => rule.includes(`name: \\"${network}\\"`));
  const chains = new Set(rules.flatMap((rule) => rule.match(/ -j (CNI-\S+)/)?.[1] ?? []));
  for (const rule of rules) {
    // The rule as iptables prints it, with its quotes, is one for a shell.
    await sh("sh", "-c", `iptables ${table.join(" ")} ${rule.replace(/^-A/, "-D")}`);
  }
  for (const chain of chains) await sh("iptables", ...table, "-X", chain);
}
