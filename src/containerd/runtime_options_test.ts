import assert from "node:assert/strict";
import { Options } from "../gen/containerd/types/runc/options/oci.ts";
import { runcOptions, withIoOwner } from "./runtime_options.ts";

Deno.test("withIoOwner() changes nothing but the owner, and not the options it is given", () => {
  const before = runcOptions({ binaryName: "crun", systemdCgroup: true });
  const after = withIoOwner(before, { uid: 65536, gid: 65537 });
  assert.equal(after.typeUrl, before.typeUrl);
  assert.deepEqual(Options.decode(after.value), {
    ...Options.decode(before.value),
    ioUid: 65536,
    ioGid: 65537,
  });
  assert.equal(Options.decode(before.value).ioUid, 0);
});
