/** The demo's image, made on the spot: the distribution's busybox and one page for its web server. */
import { busyboxFiles, describe, tar, type TestFile, testImage } from "../fakes/test_image.ts";
import { imageArchitecture } from "../../src/images/platform.ts";

export const IMAGE = "localhost/busybox:demo";

/** What the web server answers. */
export const PAGE = "Hello from a pod of cri-containerd\n";

/** An archive for `cri-containerd images import`. */
export async function demoArchive(): Promise<Uint8Array> {
  const page: TestFile = { path: "www/index.html", content: PAGE };
  const image = testImage({
    layers: [[...await busyboxFiles(), page]],
    architecture: imageArchitecture(),
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
  });
  const blobs = [...image.layers, image.config, image.manifest];
  const manifest = {
    ...describe(image.manifest),
    annotations: { "io.containerd.image.name": IMAGE },
  };
  return tar([
    { path: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests: [manifest] }) },
    ...blobs.map(({ digest, bytes }) => ({
      path: `blobs/${digest.replace(":", "/")}`,
      content: bytes,
    })),
  ]);
}
