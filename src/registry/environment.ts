/** What the environment says of the way to registries; Deno's own fetch goes by it. */

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/** Whether it names a proxy, which another process may not go by. */
export function namesProxy(get: (name: string) => string | undefined): boolean {
  return [...PROXIES, ...PROXIES.map((name) => name.toLowerCase())]
    .some((name) => (get(name) ?? "") !== "");
}
