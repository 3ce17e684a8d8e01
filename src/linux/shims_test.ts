import assert from "node:assert/strict";
import { isShimOf } from "./shims.ts";

const ADDRESS = "/run/containerd/containerd.sock";
const SHIM = "/usr/bin/containerd-shim-runc-v2";

for (
  const { name, args, is } of [
    { name: "a shim of this containerd", args: [SHIM, "-id", "a", "-address", ADDRESS], is: true },
    { name: "another containerd's shim", args: [SHIM, "-address", `${ADDRESS}2`], is: false },
    { name: "another program", args: ["/bin/sh", "-address", ADDRESS], is: false },
    { name: "a kernel thread", args: [""], is: false },
  ]
) {
  Deno.test(`isShimOf() ${is ? "knows" : "leaves out"} ${name}`, () => {
    assert.equal(isShimOf(ADDRESS, args), is);
  });
}
