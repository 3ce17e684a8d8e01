/** What lies around the executable in a release, and the sums by which it is checked. */
import { packTar } from "../../src/images/archive.ts";

/** A file of a release, by its path there. */
export interface ReleaseFile {
  readonly path: string;
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly mode: number;
}

/**
 * A release as `.tar.gz`, everything in one folder. The same files give the same bytes: times are
 * the epoch, owners are root, and the order is that of the names.
 */
export async function packRelease(
  name: string,
  files: readonly ReleaseFile[],
): Promise<Uint8Array<ArrayBuffer>> {
  const sorted = [...files].sort((a, b) => a.path < b.path ? -1 : 1);
  const sums = await sumsOf(sorted.map(({ path, body }) => ({ name: path, body })));
  const entries = [...sorted, { path: "sha256sums", body: sums, mode: 0o644 }].map((file) => {
    return { path: `${name}/${file.path}`, body: file.body, mode: file.mode };
  });
  const tar = await packTar([{ path: `${name}/`, mode: 0o755 }, ...entries]);
  return await gzip(tar);
}

/** Lines as `sha256sum --check` reads them. */
export async function sumsOf(
  files: readonly { readonly name: string; readonly body: Uint8Array<ArrayBuffer> | string }[],
): Promise<string> {
  const lines = await Promise.all(files.map(async ({ name, body }) => {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    return `${new Uint8Array(digest).toHex()}  ${name}\n`;
  }));
  return lines.join("");
}

/** The installer as it is in a release: with the place of releases written into it. */
export function stampInstaller(text: string, o: { url: string; version: string }): string {
  return text.replace(/^RELEASES_URL=.*$/m, `RELEASES_URL="${o.url}"`)
    .replace(/^RELEASE_VERSION=.*$/m, `RELEASE_VERSION="${o.version}"`);
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}
