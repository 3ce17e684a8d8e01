/** Names that the CNI specification allows. They become parts of paths, so each is checked. */

/** https://www.cni.dev/docs/spec/#section-1-network-configuration-format: names and ids. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const MAX_IFNAME_LENGTH = 15;

/** A network's name or a container's id. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/** The name of an interface, as the kernel takes it. */
export function isIfName(text: string): boolean {
  if (text === "" || text === "." || text === ".." || text.length > MAX_IFNAME_LENGTH) return false;
  return !/[/:\s\p{Cc}]/u.test(text);
}

/**
 * The name of a plugin's file. Anything that could lead out of the plugin folders is refused:
 * "../../bin/sh" was run once (CVE-2021-20206).
 */
export function isPluginType(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/.test(text) && !text.includes("..");
}

/** Whether a value can stand in CNI_ARGS ("K=V;K=V"), which knows no escapes. */
export function isArgValue(text: string): boolean {
  return !/[;=\p{Cc}]/u.test(text);
}

/** The interface of the network at this place: eth0, eth1, … */
export function ifNameAt(first: string, index: number): string {
  const [, prefix = first, number = "0"] = /^(.*?)(\d*)$/.exec(first) ?? [];
  return index === 0 ? first : `${prefix}${Number(number) + index}`;
}
