/** Images as archives for imports. */
import { type Blob, describe, tar } from "../fakes/test_image.ts";

/** The blobs of an image. */
export interface ImageBlobs {
  readonly layers: readonly Blob[];
  readonly config: Blob;
  readonly manifest: Blob;
}

/** An archive in the OCI layout, of one image under one name. */
export function archiveOf(name: string, image: ImageBlobs): Uint8Array {
  const manifest = {
    ...describe(image.manifest),
    annotations: { "io.containerd.image.name": name },
  };
  return tar([
    { path: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests: [manifest] }) },
    ...[...image.layers, image.config, image.manifest].map(({ digest, bytes }) => ({
      path: `blobs/${digest.replace(":", "/")}`,
      content: bytes,
    })),
  ]);
}
