import assert from "node:assert/strict";
import { makePrivateFolder } from "./private_folder.ts";

Deno.test("makePrivateFolder() lets root in, and a group that is named", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const modeOf = async (path: string) => {
      const { mode, gid } = await Deno.stat(`${dir}/${path}`);
      return [(mode ?? 0) & 0o777, gid];
    };
    await makePrivateFolder(`${dir}/pods/a`, undefined);
    await makePrivateFolder(`${dir}/pods/b`, 200_000);
    await makePrivateFolder(`${dir}/pods/b`, 200_000);
    assert.deepEqual(await modeOf("pods"), [0o711, 0]);
    assert.deepEqual(await modeOf("pods/a"), [0o700, 0]);
    assert.deepEqual(await modeOf("pods/b"), [0o710, 200_000]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
