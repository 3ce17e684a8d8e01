/** Networks in the shape in which containerd's CRI plugin shows them in verbose Status. */
import type { Network, PluginConf } from "./conf.ts";
import { isObject, toJson } from "./json.ts";
import { ifNameAt } from "./names.ts";

const PREFIX = "eth";

export interface DescribedFolders {
  readonly binDirs: readonly string[];
  readonly confDir: string;
  readonly maxConfNum: number;
}

/** Folders and networks under go-cni's names, for tools that read `cniconfig`. */
export function describeNetworks(folders: DescribedFolders, networks: readonly Network[]): object {
  return {
    PluginDirs: folders.binDirs,
    PluginConfDir: folders.confDir,
    PluginMaxConfNum: folders.maxConfNum,
    Prefix: PREFIX,
    Networks: networks.map((network, index) => ({
      Config: {
        Name: network.name,
        CNIVersion: network.cniVersion ?? "",
        Plugins: network.plugins.map(describePlugin),
        Source: network.source,
      },
      IFName: ifNameAt(`${PREFIX}0`, index),
    })),
  };
}

function describePlugin({ type, raw, capabilities }: PluginConf): object {
  const enabled = Object.fromEntries([...capabilities].map((name) => [name, true]));
  const ipam = isObject(raw.ipam) && typeof raw.ipam.type === "string"
    ? { type: raw.ipam.type }
    : {};
  return {
    Network: {
      type,
      ...(capabilities.size === 0 ? {} : { capabilities: enabled }),
      ipam,
      dns: isObject(raw.dns) ? raw.dns : {},
    },
    Source: toJson(raw),
  };
}
