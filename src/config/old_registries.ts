/**
 * containerd's former tables of registries, which some still have in their files: they are refused,
 * with the hosts.toml files to write instead.
 */
const WORDS = ["mirrors", "configs", "auths"] as const;

type Table = Record<string, unknown>;

/**
 * What to say of an unknown key, undefined when it has nothing to do with registries.
 *
 * @param folder where hosts.toml files are looked for
 */
export function oldRegistries(
  path: readonly string[],
  value: unknown,
  folder: string,
): string | undefined {
  const registry = findRegistry(path, value);
  if (registry === undefined) return undefined;
  const files = hostsFiles(registry).map(([host, lines]) => {
    return `    ${folder}/${host}/hosts.toml:\n${lines.map((line) => `      ${line}\n`).join("")}`;
  });
  const auth = hasAuth(registry)
    ? "    and put credentials into a file in the form of Docker's config.json, " +
      "named by images.credentials_file\n"
    : "";
  const instead = files.length === 0 && auth === ""
    ? "; registries are described in hosts.toml files below images.registry_config"
    : `; write instead\n${files.join("")}${auth}`.trimEnd();
  return `containerd's tables of registries are not read here${instead}`;
}

/** `plugins."….cri".registry`, `images.registry` or one of its tables. */
function findRegistry(path: readonly string[], value: unknown): Table | undefined {
  if (!isTable(value)) return undefined;
  const key = path.at(-1) ?? "";
  if (WORDS.some((word) => word === key)) return { [key]: value };
  if (key === "registry") return value;
  if (key !== "plugins") return undefined;
  for (const plugin of Object.values(value)) {
    if (isTable(plugin) && isTable(plugin.registry)) return plugin.registry;
  }
  return undefined;
}

function hostsFiles({ mirrors, configs }: Table): [string, string[]][] {
  const tls = isTable(configs) ? configs : {};
  const files = new Map<string, string[]>();
  const mirrored = isTable(mirrors) ? Object.entries(mirrors) : [];
  for (const [registry, mirror] of mirrored) {
    const endpoints = isTable(mirror) && Array.isArray(mirror.endpoint) ? mirror.endpoint : [];
    const lines = endpoints.filter((it) => typeof it === "string").flatMap((endpoint) => [
      `[host.${JSON.stringify(endpoint)}]`,
      ...tlsLines(tls, endpoint).map((line) => `  ${line}`),
    ]);
    files.set(registry === "*" ? "_default" : registry, lines);
  }
  for (const host of Object.keys(tls)) {
    const lines = tlsLines(tls, host);
    if (lines.length > 0 && !files.has(host)) files.set(host, lines);
  }
  return [...files].filter(([, lines]) => lines.length > 0);
}

/** The TLS of an endpoint, which the old tables kept by host. */
function tlsLines(configs: Table, endpoint: string): string[] {
  const host = endpoint.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const config = configs[host];
  const tls = isTable(config) && isTable(config.tls) ? config.tls : {};
  const text = (key: string) => typeof tls[key] === "string" ? tls[key] : "";
  const lines: string[] = [];
  if (text("ca_file") !== "") lines.push(`ca = ${JSON.stringify(text("ca_file"))}`);
  if (text("cert_file") !== "") {
    lines.push(`client = [${JSON.stringify([text("cert_file"), text("key_file")])}]`);
  }
  if (tls.insecure_skip_verify === true) lines.push("skip_verify = true");
  return lines;
}

function hasAuth({ configs, auths }: Table): boolean {
  if (isTable(auths)) return true;
  return isTable(configs) &&
    Object.values(configs).some((config) => isTable(config) && isTable(config.auth));
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
