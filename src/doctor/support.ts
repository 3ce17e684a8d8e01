/** What a report of a fault needs, as files of text without secrets. */
import { isSecretName, scrub, showable } from "../base/redact.ts";
import { pluginFiles } from "../supervisor/plugins.ts";
import { computePermissions } from "../supervisor/permissions.ts";
import { askProgram } from "../supervisor/program.ts";
import type { Finding } from "./finding.ts";
import { messageOf, type Node } from "./node.ts";

/** Files of the kernel that say what the node is. */
const FACTS = [
  "/proc/version",
  "/proc/cmdline",
  "/proc/meminfo",
  "/proc/mounts",
  "/proc/cgroups",
  "/proc/self/limits",
  "/proc/self/status",
  "/proc/sys/fs/file-nr",
  "/proc/pressure/cpu",
  "/proc/pressure/memory",
  "/proc/pressure/io",
  "/etc/os-release",
];

/** The log of the service, where systemd keeps it. */
const JOURNAL = [
  "-u",
  "cri-containerd",
  "-u",
  "containerd",
  "-n",
  "4000",
  "--no-pager",
  "-o",
  "short-iso",
];

export async function supportFiles(
  node: Node,
  o: { version: string; findings: readonly Finding[] },
): Promise<ReadonlyMap<string, string>> {
  const { config } = node;
  const files = new Map<string, string>();
  files.set("version.txt", `${o.version} (Deno ${Deno.version.deno}, ${Deno.build.arch})\n`);
  files.set("findings.json", json(o.findings));
  files.set("config.json", json(showable(config)));
  const plugins = await pluginFiles(config.cni.bin_dirs);
  files.set("permissions.json", json(computePermissions(config, plugins)));
  for (const path of FACTS) {
    const text = node.linux.readFileIfAny(path);
    if (text !== undefined) files.set(`node${path}`, clean(text));
  }
  for (const name of await names(config.cni.conf_dir)) {
    const text = await Deno.readTextFile(`${config.cni.conf_dir}/${name}`).catch(messageOf);
    files.set(`cni/${name}`, clean(text));
  }
  const plugin = await node.containerd.introspection.plugins([]).catch(messageOf);
  files.set("containerd_plugins.json", json(showable(plugin)));
  const journal = await askProgram("", "journalctl", JOURNAL);
  if (journal !== undefined) files.set("journal.txt", clean(journal.text));
  return files;
}

async function names(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    return entries.filter(({ isFile }) => isFile).map(({ name }) => name).sort();
  } catch {
    return []; // The finding of the network says so.
  }
}

function json(value: unknown): string {
  return `${
    JSON.stringify(value, (_key, entry) =>
      entry instanceof Map ? Object.fromEntries(entry) : entry, 2)
  }\n`;
}

/**
 * Text without values of keys that name secrets, in JSON, YAML, TOML and logfmt, and without
 * private keys and what `scrub()` finds.
 */
export function clean(text: string): string {
  const keys = text.replace(
    /(["']?)([A-Za-z][\w.-]*)\1(\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}\]]+)/g,
    (...[whole, quote = "", name = "", between = ""]: string[]) =>
      isSecretName(name) ? `${quote}${name}${quote}${between}"[redacted]"` : whole ?? "",
  );
  const pems = keys.replace(
    /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g,
    "[redacted]",
  );
  return scrub(pems);
}
