/** As much of YAML as is read here: the plain values at the top of a KubeletConfiguration. */

/** Scalars of the outermost mapping, by key; what is nested is left out. */
export function parse(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^"?([A-Za-z][\w.-]*)"?:\s+(.+?)\s*$/.exec(line.replace(/(?:^|\s)#.*$/, ""));
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined) continue;
    values.set(key, value.replace(/^(["'])(.*)\1$/, "$2"));
  }
  return values;
}
