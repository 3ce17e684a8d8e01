/** Small images made on the spot: a tar layer or more, configuration, manifest. */
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";

export interface Blob {
  mediaType: string;
  digest: string;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface TestImage {
  layers: (Blob & { diffId: string })[];
  config: Blob;
  manifest: Blob;
}

export interface TestFile {
  /** A folder's ends with a slash. */
  path: string;
  mode?: number;
  content: Uint8Array | string;
  /** Another file of the layer that this is a hard link to. */
  linkTo?: string;
  /** What it points to as a symbolic link. */
  symlinkTo?: string;
  uid?: number;
  gid?: number;
}

export type Compression = "gzip" | "zstd" | "none";

export interface TestImageOptions {
  /** Files of each layer, the lowest first. */
  layers: TestFile[][];
  compression?: Compression;
  architecture?: string;
  /** The `config` member of the configuration. */
  config?: Record<string, unknown>;
  /** Media types of Docker's schema 2 instead of OCI's. */
  docker?: boolean;
}

const OCI = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: { none: ".tar", gzip: ".tar+gzip", zstd: ".tar+zstd" },
};
const DOCKER = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: { none: ".tar", gzip: ".tar.gzip", zstd: ".tar.zstd" },
};

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A blob of some bytes or JSON. */
export function blob(mediaType: string, content: unknown): Blob {
  const bytes = content instanceof Uint8Array
    ? new Uint8Array(content)
    : new TextEncoder().encode(JSON.stringify(content));
  return { mediaType, digest: sha256(bytes), bytes };
}

export function describe({ mediaType, digest, bytes }: Blob) {
  return { mediaType, digest, size: bytes.length };
}

export function testImage(options: TestImageOptions): TestImage {
  const { compression = "gzip", architecture = "amd64", docker = false } = options;
  const types = docker ? DOCKER : OCI;
  const base = docker
    ? "application/vnd.docker.image.rootfs.diff"
    : "application/vnd.oci.image.layer.v1";
  const layers = options.layers.map((files) => {
    const plain = tar(files);
    const packed = pack(plain, compression);
    return { ...blob(base + types.layer[compression], packed), diffId: sha256(plain) };
  });
  const config = blob(types.config, {
    os: "linux",
    architecture,
    config: options.config ?? {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const manifest = blob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: describe(config),
    layers: layers.map(describe),
  });
  return { layers, config, manifest };
}

/** An index over images of several architectures. */
export function testIndex(images: { architecture: string; image: TestImage }[]): Blob {
  return blob(OCI.index, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: images.map(({ architecture, image }) => ({
      ...describe(image.manifest),
      platform: { os: "linux", architecture },
    })),
  });
}

/** Debian's static busybox with a few applets' names. */
export async function busyboxFiles(): Promise<TestFile[]> {
  const content = await Deno.readFile("/bin/busybox");
  const applets = ["sh", "echo", "sleep", "cat", "httpd", "id", "ls", "seq", "wget"];
  const links = applets.map((name) => ({
    path: `bin/${name}`,
    linkTo: "bin/busybox",
    content: "",
  }));
  return [{ path: "bin/busybox", content }, ...links].map((file) => ({ ...file, mode: 0o755 }));
}

/** A ustar archive of plain files, folders and links. */
export function tar(files: TestFile[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const file of files) {
    const { content } = file;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    parts.push(header(file, bytes.length), bytes);
    parts.push(new Uint8Array((512 - bytes.length % 512) % 512));
  }
  parts.push(new Uint8Array(1024));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function header(file: TestFile, size: number): Uint8Array {
  const { path, mode = 0o644, linkTo, symlinkTo, uid = 0, gid = 0 } = file;
  const block = new Uint8Array(512);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const octal = (at: number, value: number, digits: number) =>
    put(at, value.toString(8).padStart(digits, "0"));
  put(0, path);
  octal(100, mode, 7);
  octal(108, uid, 7);
  octal(116, gid, 7);
  octal(124, size, 11);
  octal(136, 0, 11);
  put(148, "        ");
  put(156, typeOf(file));
  put(157, linkTo ?? symlinkTo ?? "");
  put(257, "ustar\u000000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  octal(148, sum, 6);
  block[154] = 0;
  return block;
}

/** ustar's types of entries. */
function typeOf({ path, linkTo, symlinkTo }: TestFile): string {
  if (linkTo !== undefined) return "1";
  if (symlinkTo !== undefined) return "2";
  return path.endsWith("/") ? "5" : "0";
}

function pack(bytes: Uint8Array, compression: Compression): Uint8Array {
  if (compression === "gzip") return gzipSync(bytes);
  if (compression === "zstd") return zstdCompressSync(bytes);
  return bytes;
}

/** An archive of the OCI layout with images by their whole names. */
export function archiveOf(images: Record<string, TestImage>): Uint8Array<ArrayBuffer> {
  const blobs = Object.values(images).flatMap((it) => [...it.layers, it.config, it.manifest]);
  const manifests = Object.entries(images).map(([name, { manifest }]) => ({
    ...describe(manifest),
    annotations: { "io.containerd.image.name": name },
  }));
  return tar([
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests }) },
    ...blobs.map(({ digest, bytes }) => ({
      path: `blobs/sha256/${digest.slice("sha256:".length)}`,
      content: bytes,
    })),
  ]);
}
