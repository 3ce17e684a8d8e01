/** A daemon whose root is a disk that can be filled, with a network plugin that does what it is told. */
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { CONF_FILE, PLUGIN_DIRS } from "../world/network.ts";
import { sh } from "../world/sh.ts";

const DISK_MIB = 512;

export type Conduct = "works" | "is slow" | "fails" | "dies";

/** It stands in front of a real one, which hands on what the plugins before it made. */
const REAL = PLUGIN_DIRS.map((dir) => `[ ! -x ${dir}/tuning ] || exec ${dir}/tuning`).join("; ");

const DOES: Readonly<Record<Conduct, string>> = {
  "works": REAL,
  "is slow": `sleep 3; ${REAL}`,
  "fails": `echo '{"code": 99, "msg": "not now"}'; exit 1`,
  "dies": "kill -9 $$",
};

export interface Victim extends AsyncDisposable {
  readonly daemon: Daemon;
  setPlugin(conduct: Conduct): Promise<void>;
  /** Leaves no byte on the disk on which the root of the daemon is. */
  fillDisk(): Promise<void>;
  freeDisk(): Promise<void>;
}

export async function startVictim(): Promise<Victim> {
  const daemon = await startDaemon({ logLevel: "info" });
  const { network, ownPluginDir } = daemon;
  const setPlugin = async (conduct: Conduct) => {
    // Replaced, not written to: it may be running.
    await Deno.writeTextFile(`${daemon.dir}/next`, `#!/bin/sh\n${DOES[conduct]}\n`, {
      mode: 0o755,
    });
    await Deno.rename(`${daemon.dir}/next`, `${ownPluginDir}/moody`);
  };
  await daemon.stop();
  await setPlugin("works");
  const conf = JSON.parse(network.conf());
  conf.plugins.push({ type: "moody" });
  await Deno.writeTextFile(`${network.confDir}/${CONF_FILE}`, JSON.stringify(conf));
  // Made anew there, nothing of it was used yet.
  const disk = `${daemon.dir}/root`;
  const filler = `${disk}/filler`;
  await sh("mount", "-t", "tmpfs", "-o", `size=${DISK_MIB}m,mode=711`, "cri-disk", disk);
  await daemon.start();
  return {
    daemon,
    setPlugin,
    fillDisk: async () => {
      using file = await Deno.open(filler, { write: true, create: true });
      const block = new Uint8Array(1024 * 1024);
      try {
        for (;;) await file.write(block);
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      }
    },
    freeDisk: () => Deno.remove(filler),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}
