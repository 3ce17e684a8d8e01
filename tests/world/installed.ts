/**
 * A daemon that is installed and upgraded by install.sh on this machine, unseen by it: /etc and
 * /usr/local are overlays in a mount namespace of the test's own, in which systemctl is a script.
 */
import { ROOT } from "../check/source.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { eventually } from "./delay.ts";
import { sh } from "./sh.ts";

const PROGRAM = "/usr/local/bin/cri-containerd";

export interface Installed extends AsyncDisposable {
  readonly daemon: Daemon;
  /** Runs install.sh as root of the node would. */
  install(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** What the installed program says of its version. */
  version(): Promise<string>;
}

/** Stops and starts the daemon as systemd would: with its pid in a file. */
function systemctl(dir: string): string {
  return `#!/bin/sh
pid=$(cat ${dir}/pid)
stop() {
  kill -TERM "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
case $1 in
  is-active) kill -0 "$pid" 2>/dev/null ;;
  stop) stop ;;
  start)
    setsid ${PROGRAM} serve --config ${dir}/config.toml >>${dir}/daemon.log 2>&1 </dev/null &
    echo $! >${dir}/pid
    ;;
esac
`;
}

/** Makes the node with a first version of the program and starts it. */
export async function startInstalled(program: string): Promise<Installed> {
  const scratch = await Deno.makeTempDir({ prefix: "cri-inst-" });
  const holder = new Deno.Command("unshare", {
    args: ["--mount", "sleep", "infinity"],
    stdin: "null",
    stdout: "null",
  }).spawn();
  const inside = (...argv: string[]): [string, ...string[]] => [
    "nsenter",
    `--mount=/proc/${holder.pid}/ns/mnt`,
    `--wd=/`,
    ...argv,
  ];
  const own = await Deno.readLink("/proc/self/ns/mnt");
  await eventually(
    "a mount namespace",
    async () => await Deno.readLink(`/proc/${holder.pid}/ns/mnt`) !== own,
  );
  for (const folder of ["/etc", "/usr/local"]) {
    const name = folder.replaceAll("/", "-");
    const [upper, work] = [`${scratch}/upper${name}`, `${scratch}/work${name}`];
    await Promise.all([upper, work].map((path) => Deno.mkdir(path)));
    const options = `lowerdir=${folder},upperdir=${upper},workdir=${work}`;
    await sh(...inside("mount", "-t", "overlay", "overlay", "-o", options, folder));
  }
  await Deno.mkdir(`${scratch}/fake`);
  await Deno.writeTextFile(`${scratch}/program`, program, { mode: 0o755 });
  await sh(...inside("install", "-D", "-m", "755", `${scratch}/program`, PROGRAM));
  const daemon = await startDaemon({ command: inside(PROGRAM) });
  const { dir } = daemon;
  await Deno.writeTextFile(`${dir}/pid`, `${daemon.pid}\n`);
  await Deno.writeTextFile(`${scratch}/fake/systemctl`, systemctl(dir), { mode: 0o755 });
  const config = "/etc/cri-containerd/config.toml";
  await sh(...inside("install", "-D", "-m", "644", daemon.configFile, config));
  const run = async (...argv: string[]) => {
    const [command, ...args] = inside(...argv);
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args,
      env: { PATH: `${scratch}/fake:${Deno.env.get("PATH")}`, INSTALL_INIT: "systemd" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  return {
    daemon,
    install: (...args) => run("dash", `${ROOT}install.sh`, ...args),
    version: async () => (await run(PROGRAM, "version")).stdout.split(" ")[1] ?? "",
    [Symbol.asyncDispose]: async () => {
      await run(`${scratch}/fake/systemctl`, "stop");
      await daemon[Symbol.asyncDispose]();
      holder.kill("SIGKILL");
      await holder.status;
      await Deno.remove(scratch, { recursive: true });
    },
  };
}
