/** The demo's steps: each is seen to work before it counts as done. */
import { formatBytes, formatTable } from "../../src/cli/output.ts";
import { ContainerState, PodSandboxConfig, PodSandboxState } from "../../src/gen/cri/v1/api.ts";
import type { CriClient } from "../world/cri_client.ts";
import type { Daemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { demoArchive, IMAGE, PAGE } from "./image.ts";
import { formatTime, type Screen } from "./screen.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

const POD = "demo";
const WEB = "web";
const COUNTER = "counter";

const SERVE_PAGE = ["httpd", "-f", "-p", "80", "-h", "/www"];
const COUNT = ["sh", "-c", "i=0; while sleep 0.5; do i=$((i + 1)); echo count $i; done"];

/** A line of a log in the CRI's format. */
const LOG_LINE = /^\S+ stdout F count (\d+)$/;

/** Who tells it, and on what. */
export interface Telling {
  readonly screen: Screen;
  readonly daemon: Daemon;
  readonly cri: CriClient;
  /** Aborted when the user has had enough. */
  readonly signal: AbortSignal;
}

/** What there is to look at afterwards. */
export interface Shown {
  readonly sandboxId: string;
  readonly containerIds: ReadonlyMap<string, string>;
  readonly ip: string;
  readonly logFile: string;
}

/** Runs a pod with two containers, and looks at it from all sides. @throws when a step fails */
export async function tellStory(telling: Telling): Promise<Shown> {
  await greet(telling);
  await importImage(telling);
  const config = podConfig(telling.daemon);
  const { sandboxId, ip } = await runPod(telling, config);
  const containerIds = new Map<string, string>();
  for (const [name, command] of [[WEB, SERVE_PAGE], [COUNTER, COUNT]] as const) {
    containerIds.set(name, await startContainer(telling, { sandboxId, config, name, command }));
  }
  const shown = { sandboxId, containerIds, ip, logFile: `${config.logDirectory}/${COUNTER}.log` };
  await listAll(telling, shown);
  await fetchPage(telling, shown);
  await readLog(telling, shown);
  await killDaemon(telling, shown);
  return shown;
}

async function greet({ screen, cri, signal }: Telling): Promise<void> {
  await screen.step("ask the daemon for its version and the node's state", async () => {
    const version = await cri.call("version", { version: "v1" }, signal);
    const { status } = await cri.call("status", {}, signal);
    for (const { type, status: isMet, reason, message } of status?.conditions ?? []) {
      if (!isMet) throw new Error(`${type} is false: ${reason}: ${message}`);
    }
    const { runtimeName, runtimeVersion, runtimeApiVersion } = version;
    const name = `${runtimeName} ${runtimeVersion}, CRI ${runtimeApiVersion}`;
    return { done: `${name}; runtime and network are ready`, value: undefined };
  });
}

async function importImage({ screen, daemon, cri, signal }: Telling): Promise<void> {
  await screen.step("pack an image of busybox and import it", async () => {
    const file = `${daemon.dir}/busybox.tar`;
    await Deno.writeFile(file, await demoArchive());
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-P", MAIN, "images", "import", "--config", daemon.configFile, file],
      stdin: "null",
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr).trim());
    const image = await eventually("the daemon to know the image", async () => {
      const request = { image: { image: IMAGE } };
      const { image } = await cri.call("imageStatus", request, signal);
      return image;
    });
    const size = formatBytes(Number(image.size));
    return { done: `Image ${IMAGE} (${size}), packed from /bin/busybox`, value: undefined };
  });
}

function podConfig({ logDir, cgroupParent }: Daemon): PodSandboxConfig {
  return PodSandboxConfig.fromPartial({
    metadata: { name: POD, namespace: "default", uid: "demo-uid", attempt: 0 },
    hostname: POD,
    logDirectory: `${logDir}/${POD}`,
    labels: new Map([["app", POD]]),
    linux: { cgroupParent },
  });
}

async function runPod(
  { screen, daemon, cri, signal }: Telling,
  config: PodSandboxConfig,
): Promise<Pick<Shown, "sandboxId" | "ip">> {
  return await screen.step(`run pod ${POD}`, async () => {
    const { podSandboxId } = await cri.call("runPodSandbox", { config }, signal);
    const { status } = await cri.call("podSandboxStatus", { podSandboxId }, signal);
    const ip = status?.network?.ip ?? "";
    if (!ip.startsWith(`${daemon.network.subnet}.`)) throw new Error(`the pod's IP is "${ip}"`);
    const done = `Pod ${POD} is ready at ${ip} on bridge ${daemon.network.bridge}`;
    return { done, value: { sandboxId: podSandboxId, ip } };
  });
}

interface Wanted {
  readonly sandboxId: string;
  readonly config: PodSandboxConfig;
  readonly name: string;
  readonly command: readonly string[];
}

async function startContainer(
  { screen, cri, signal }: Telling,
  { sandboxId, config, name, command }: Wanted,
): Promise<string> {
  return await screen.step(`start container ${name}`, async () => {
    const { containerId } = await cri.call("createContainer", {
      podSandboxId: sandboxId,
      sandboxConfig: config,
      config: {
        metadata: { name, attempt: 0 },
        image: { image: IMAGE },
        command: [...command],
        logPath: `${name}.log`,
        linux: {},
      },
    }, signal);
    await cri.call("startContainer", { containerId }, signal);
    return { done: `Container ${name} is started: ${command.join(" ")}`, value: containerId };
  });
}

async function listAll({ screen, cri, signal }: Telling, shown: Shown): Promise<void> {
  const tables = await screen.step("list pods and containers", async () => {
    const { items } = await cri.call("listPodSandbox", {}, signal);
    const { containers } = await cri.call("listContainers", {}, signal);
    const isReady = items.some(({ id, state }) =>
      id === shown.sandboxId && state === PodSandboxState.SANDBOX_READY
    );
    const running = containers.filter(({ id, state }) =>
      [...shown.containerIds.values()].includes(id) && state === ContainerState.CONTAINER_RUNNING
    );
    if (!isReady || running.length !== shown.containerIds.size) {
      throw new Error("not everything that was started is listed as running");
    }
    const pods = formatTable(
      ["POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "IP"],
      items.map(({ id, createdAt, state, metadata }) => [
        short(id),
        ago(createdAt),
        word(PodSandboxState[state]),
        metadata?.name ?? "",
        metadata?.namespace ?? "",
        id === shown.sandboxId ? shown.ip : "",
      ]),
    );
    const rows = containers.map(({ id, createdAt, image, state, metadata, podSandboxId }) => [
      short(id),
      image?.image ?? "",
      ago(createdAt),
      word(ContainerState[state]),
      metadata?.name ?? "",
      short(podSandboxId),
    ]);
    const head = ["CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "POD ID"];
    const done = `Listed: ${items.length} pod, ${containers.length} containers`;
    return { done, value: `${pods}\n${formatTable(head, rows)}` };
  });
  screen.block(tables);
}

const short = (id: string) => id.slice(0, 13);

const ago = (ns: bigint) => `${formatTime(Date.now() - Number(ns / 1_000_000n))} ago`;

/** "SANDBOX_READY" as "Ready". */
function word(state: string | undefined): string {
  if (state === undefined) return "?";
  const text = state.slice(state.indexOf("_") + 1);
  return `${text.slice(0, 1)}${text.slice(1).toLowerCase()}`;
}

async function fetchPage({ screen, signal }: Telling, { ip }: Shown): Promise<void> {
  const page = await screen.step("ask the web server", async () => {
    const url = `http://${ip}/`;
    const page = await eventually(`an answer of ${url}`, async () => {
      // It may not listen yet.
      const response = await fetch(url, { signal }).catch(() => undefined);
      return response?.ok === true ? await response.text() : await response?.body?.cancel();
    });
    if (page !== PAGE) throw new Error(`${url} answered ${JSON.stringify(page)}`);
    return { done: `GET ${url} is answered by the pod`, value: page };
  });
  screen.block(page);
}

async function readLog({ screen }: Telling, { logFile }: Shown): Promise<void> {
  const lines = await screen.step("read the counter's log", async () => {
    const lines = await eventually("three lines", async () => {
      const lines = (await Deno.readTextFile(logFile)).trimEnd().split("\n");
      return lines.length >= 3 && lines;
    });
    if (!lines.every((line, index) => Number(LOG_LINE.exec(line)?.[1]) === index + 1)) {
      throw new Error(`the log isn't as expected:\n${lines.join("\n")}`);
    }
    return { done: `The counter's log grows in ${logFile}`, value: lines };
  });
  screen.block(lines.slice(-3).join("\n"));
}

async function killDaemon({ screen, daemon, cri, signal }: Telling, shown: Shown): Promise<void> {
  await screen.step("kill the daemon and start it again", async () => {
    const { sandboxId, ip, logFile } = shown;
    await daemon.stop("SIGKILL");
    await daemon.start();
    const { status } = await eventually(
      "the daemon's answer",
      // The client's connection comes back by itself.
      () =>
        cri.call("podSandboxStatus", { podSandboxId: sandboxId }, signal).catch(() => undefined),
    );
    if (status?.state !== PodSandboxState.SANDBOX_READY || status.network?.ip !== ip) {
      throw new Error("the pod isn't what it was before");
    }
    const count = async () => (await Deno.readTextFile(logFile)).split("\n").length;
    const before = await count();
    await eventually("the log to go on", async () => await count() > before);
    const done = "The daemon was killed (kill -9) and is back: same pod, same IP, the log goes on";
    return { done, value: undefined };
  });
}
