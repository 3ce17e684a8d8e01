/** `cri-containerd permissions`: what each compartment may do, with the real paths. */
import { loadConfig } from "../config/load.ts";
import { computePermissions, type Permissions } from "../supervisor/permissions.ts";
import { pluginFiles } from "../supervisor/plugins.ts";
import { formatTable, print, printJson } from "./output.ts";

export async function printPermissions(
  o: { config?: string; json?: boolean },
): Promise<number> {
  const { config } = loadConfig(o.config === undefined ? {} : { path: o.config });
  const permissions = computePermissions(config, await pluginFiles(config.cni.bin_dirs));
  if (o.json === true) printJson(permissions);
  else print(permissionTable(permissions));
  return 0;
}

/** One line per thing that is allowed; compartment and kind where they change. */
export function permissionTable(permissions: Permissions): string {
  const rows: string[][] = [];
  for (const [compartment, kinds] of Object.entries(permissions)) {
    let name = compartment;
    for (const [kind, allowed] of Object.entries({ ...kinds })) {
      const entries = allowed === true ? ["anywhere"] : allowed;
      entries.forEach((entry, index) => {
        rows.push([name, index === 0 ? kind : "", entry]);
        name = "";
      });
    }
    if (name !== "") rows.push([name, "", "nothing"]);
  }
  return formatTable(["COMPARTMENT", "MAY", "WHAT"], rows);
}
