import assert from "node:assert/strict";
import type { SandboxId } from "../base/id.ts";
import { DNSConfig, PodSandboxConfig } from "../gen/cri/v1/api.ts";
import { sandboxDir } from "../state/folders.ts";
import { type FilesDeps, makePodFiles, resolvConf } from "./files.ts";

Deno.test("resolvConf() writes searches, servers and options", () => {
  const dns = DNSConfig.fromPartial({
    servers: ["10.0.0.10", "10.0.0.11"],
    searches: ["shop.svc.cluster.local", "cluster.local"],
    options: ["ndots:5"],
  });
  assert.equal(
    resolvConf(dns),
    "search shop.svc.cluster.local cluster.local\n" +
      "nameserver 10.0.0.10\nnameserver 10.0.0.11\noptions ndots:5\n",
  );
});

Deno.test("resolvConf() is empty without a wish, which leaves the node's file to hold", () => {
  assert.equal(resolvConf(undefined), "");
  assert.equal(resolvConf(DNSConfig.fromPartial({})), "");
});

Deno.test("makePodFiles() does nothing more once it has failed, so that all of it can be taken back", async () => {
  const dir = await Deno.makeTempDir({ prefix: "pod-files-" });
  try {
    const mounted: string[] = [];
    const deps: FilesDeps = {
      settings: { rootDir: `${dir}/root`, stateDir: `${dir}/state`, netnsDir: `${dir}/netns` },
      linux: { mountTmpfs: (target) => void mounted.push(target), unmount: () => {} },
      nodeHostname: () => "node",
    };
    const id = "1".repeat(64) as SandboxId;
    // Where a file is to be written there is a folder.
    await Deno.mkdir(`${sandboxDir(deps.settings, id)}/hostname`, { recursive: true });
    await assert.rejects(makePodFiles(deps, {
      id,
      name: "web",
      config: PodSandboxConfig.fromPartial({ metadata: { name: "web" }, hostname: "web" }),
      netnsPath: "",
      ips: [],
      runtimeHandler: "",
      cniResult: undefined,
      processLabel: "",
    }));
    assert.equal(mounted.length, 1);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
