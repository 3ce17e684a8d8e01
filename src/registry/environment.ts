/** What the environment says of the way to registries; Deno's own fetch goes by it. */

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
const CERTIFICATES = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/** Whether another process may not find the way to registries that this one does. */
export function hasOwnWay(get: (name: string) => string | undefined): boolean {
  const names = [...PROXIES, ...PROXIES.map((name) => name.toLowerCase()), ...CERTIFICATES];
  return names.some((name) => (get(name) ?? "") !== "");
}
