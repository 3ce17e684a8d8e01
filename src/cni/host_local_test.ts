import assert from "node:assert/strict";
import { parseNetwork } from "./conf.ts";
import { hostLocalLeases, removeLease } from "./host_local.ts";

Deno.test("hostLocalLeases() tells addresses from the lock, and removeLease() leaves another's", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const plugins = [{ type: "bridge", ipam: { type: "host-local", dataDir } }, {
      type: "portmap",
    }];
    const text = JSON.stringify({ cniVersion: "1.0.0", name: "net", plugins });
    const { network } = parseNetwork({ file: "x", text });
    assert.deepEqual(await hostLocalLeases([network]), []);

    await Deno.mkdir(`${dataDir}/net`);
    const files = {
      "10.0.0.2": "one\r\neth0",
      "fd00::2": "two\neth0",
      lock: "",
      last_reserved_ip: "x",
    };
    for (const [name, holder] of Object.entries(files)) {
      await Deno.writeTextFile(`${dataDir}/net/${name}`, holder);
    }
    const leases = await hostLocalLeases([network]);
    assert.deepEqual(
      leases.map(({ address, containerId }) => [address, containerId]).toSorted(),
      [["10.0.0.2", "one"], ["fd00::2", "two"]],
    );

    await Deno.writeTextFile(`${dataDir}/net/fd00::2`, "three\neth0");
    for (const lease of leases) await removeLease(lease);
    assert.deepEqual((await hostLocalLeases([network])).map((it) => it.containerId), ["three"]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
