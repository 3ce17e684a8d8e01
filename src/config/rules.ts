/** What must hold between keys, and what is accepted but probably not meant. */
import type { Config } from "./table.ts";

/** A finding about one key. */
export interface Finding {
  path: readonly string[];
  text: string;
}

/** Combinations that can't work. */
export function findConflicts(config: Config): Finding[] {
  const findings: Finding[] = [];
  const { default_runtime, runtimes } = config.containerd;
  if (!runtimes.has(default_runtime)) {
    findings.push({
      path: ["containerd", "default_runtime"],
      text: `no runtime ${JSON.stringify(default_runtime)} is configured; the runtimes are ${
        [...runtimes.keys()].join(", ")
      } (add [containerd.runtimes.${default_runtime}])`,
    });
  }
  if (config.root === config.state || isBelow(config.root, config.state)) {
    findings.push({
      path: ["root"],
      text: `must not lie in state (${config.state}), which is emptied at reboot`,
    });
  }
  if (!config.containerd.managed && config.listen === config.containerd.address) {
    findings.push({ path: ["listen"], text: "is containerd's own socket (containerd.address)" });
  }
  const { tls_cert, tls_key } = config.streaming;
  if ((tls_cert === "") !== (tls_key === "")) {
    const [missing, given] = tls_cert === "" ? ["tls_cert", "tls_key"] : ["tls_key", "tls_cert"];
    findings.push({
      path: ["streaming", missing],
      text: `is missing: with ${given} it makes TLS, and neither does anything alone`,
    });
  }
  return findings;
}

/** Combinations that work, but not as somebody who wrote them may think. */
export function findOddities(config: Config, isWritten: (...path: string[]) => boolean): Finding[] {
  const findings: Finding[] = [];
  const { managed } = config.containerd;
  if (managed && isWritten("containerd", "address")) {
    findings.push({
      path: ["containerd", "address"],
      text: "has no effect with managed = true: our own containerd has its socket below state",
    });
  }
  if (!managed && isWritten("containerd", "binaries")) {
    findings.push({
      path: ["containerd", "binaries"],
      text: "has no effect without managed = true",
    });
  }
  const { address, tls_cert, tls_self_signed } = config.streaming;
  if (isOpen(address) && tls_cert === "" && !tls_self_signed) {
    findings.push({
      path: ["streaming", "address"],
      text: "lets other machines connect to the sessions of exec and attach, without TLS",
    });
  }
  return findings;
}

/** Whether a path lies under a folder. */
function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

function isOpen(address: string): boolean {
  const host = address.replace(/:\d+$/, "");
  return !/^(?:127\.|localhost$|\[::1\]$)/.test(host);
}
