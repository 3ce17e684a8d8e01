import assert from "node:assert/strict";
import type { ImageId } from "../base/id.ts";
import type { Image } from "../images/image.ts";
import { imageTable } from "./images.ts";

function image(part: Partial<Image>): Image {
  return {
    id: `sha256:${"a".repeat(64)}` as ImageId,
    repoTags: [],
    repoDigests: [],
    sizeBytes: 1_234_567n,
    chainId: "",
    config: {
      user: "",
      env: [],
      entrypoint: [],
      cmd: [],
      volumes: [],
      workingDir: "",
      labels: new Map(),
      stopSignal: "",
    },
    pinned: false,
    names: [],
    ...part,
  };
}

Deno.test("imageTable() has a line for each tag, and one for an image without", () => {
  const table = imageTable([
    image({ repoTags: ["a/b:1", "a/b:2"], pinned: true }),
    image({ repoDigests: ["a/c@sha256:0"] }),
    image({}),
  ]);
  assert.deepEqual(table.split("\n").map((line) => line.replaceAll(/ {3,}/g, " | ")), [
    "IMAGE | IMAGE ID | SIZE | PINNED",
    "a/b:1 | aaaaaaaaaaaaa | 1.23 MB | yes",
    "a/b:2 | aaaaaaaaaaaaa | 1.23 MB | yes",
    "a/c:<none> | aaaaaaaaaaaaa | 1.23 MB",
    "<none> | aaaaaaaaaaaaa | 1.23 MB",
    "",
  ]);
});
