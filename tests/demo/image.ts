/** The demo's image, made on the spot: the distribution's busybox and one page for its web server. */
import { busyboxFiles, type TestFile, testImage } from "../fakes/test_image.ts";
import { imageArchitecture } from "../../src/images/platform.ts";
import { archiveOf } from "../world/archive.ts";

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
  return archiveOf(IMAGE, image);
}
