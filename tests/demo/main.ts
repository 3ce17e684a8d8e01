/** `./dev demo`: pods on a containerd of its own, in a folder that goes away with them. */
import { parseArgs } from "node:util";
import { print, printError } from "../../src/cli/output.ts";
import { CriClient } from "../world/cri_client.ts";
import { CRICTL } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { FROM_SOURCE } from "../world/program.ts";
import { removeNode, removePods } from "./end.ts";
import { checkNeeds } from "./needs.ts";
import { openScreen, type Screen } from "./screen.ts";
import { type Shown, tellStory } from "./story.ts";

const HELP = `Usage: ./dev demo [--check]

Starts cri-containerd with a containerd of its own in a temporary folder, runs a pod with two
containers there, and leaves it to you until Ctrl-C removes everything.

  --check   remove everything at once; success only if each step was seen to work
`;

/** Exit codes: each step worked, one failed, it couldn't start. */
const OK = 0;
const FAILED = 1;
const NOT_RUN = 2;

/** A session of its own, for Ctrl-C is meant for the demo, which needs the daemon to clean up. */
const DAEMON = ["setsid", ...FROM_SOURCE];

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How much of the daemon's log a failed step shows. */
const LOG_LINES = 15;

class Interrupted extends Error {}

async function main(args: readonly string[]): Promise<number> {
  const { values: { check, help } } = parseArgs({
    args: [...args],
    options: {
      check: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (help) {
    print(HELP);
    return OK;
  }
  await checkNeeds();
  const screen = openScreen();
  const interruption = new AbortController();
  const onSignal = () => interruption.abort(new Interrupted("interrupted"));
  for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
  try {
    return await run(screen, { isCheck: check, signal: interruption.signal });
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
  }
}

async function run(
  screen: Screen,
  { isCheck, signal }: { isCheck: boolean; signal: AbortSignal },
): Promise<number> {
  screen.section("cri-containerd, with a containerd of its own");
  const daemon = await attempt(() => start(screen), signal);
  if (daemon === undefined) return FAILED;
  const arePodsSeen = await withPods({ screen, daemon, isCheck, signal });
  const isNodeGone = await attempt(() => removeNode({ screen, daemon }).then(() => true));
  print("\n");
  return arePodsSeen && isNodeGone === true ? OK : FAILED;
}

interface Showing {
  readonly screen: Screen;
  readonly daemon: Daemon;
  readonly isCheck: boolean;
  readonly signal: AbortSignal;
}

/** Shows everything that has to do with pods, and removes them; whether all went well. */
async function withPods({ screen, daemon, isCheck, signal }: Showing): Promise<boolean> {
  // Closed before the daemon ends: a server's goodbye (GOAWAY) can abort Deno
  // (https://github.com/denoland/deno/issues/36788).
  using cri = new CriClient(daemon.listen);
  const isShown = await attempt(async () => {
    const shown = await tellStory({ screen: untilAborted(screen, signal), daemon, cri, signal });
    if (isCheck) return true;
    await invite(screen, daemon, shown);
    await until(signal);
    return true;
  }, signal);
  if (isShown === undefined && !signal.aborted) await showLog(screen, daemon);
  screen.section("Cleaning up");
  const areGone = await attempt(() => removePods({ screen, daemon, cri }).then(() => true));
  // Whoever stops the demo has seen enough; a check that is stopped has proved nothing.
  const isWell = isShown ?? (signal.aborted && !isCheck);
  return isWell && areGone === true;
}

async function start(screen: Screen): Promise<Daemon> {
  return await screen.step("start the daemon and its containerd", async () => {
    const daemon = await startDaemon({ command: DAEMON });
    return { done: `The daemon and its containerd are up, in ${daemon.dir}`, value: daemon };
  });
}

/** Does it, or says why it failed; an interruption needs no explanation. */
async function attempt<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted !== true) {
      printError(`\n${error instanceof Error ? error.message : String(error)}\n`);
    }
    return undefined;
  }
}

/** A screen on which no step begins after an interruption. */
function untilAborted(screen: Screen, signal: AbortSignal): Screen {
  return {
    ...screen,
    step: (doing, work) => {
      signal.throwIfAborted();
      return screen.step(doing, work);
    },
  };
}

function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A timer, for a pending promise alone doesn't keep the process.
    const stay = setInterval(() => {}, 60_000);
    const end = () => {
      clearInterval(stay);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

async function showLog(screen: Screen, daemon: Daemon): Promise<void> {
  const lines = (await daemon.log()).trimEnd().split("\n").slice(-LOG_LINES);
  screen.section("The end of the daemon's log", lines.join("\n"));
}

/** What to try while the pod runs. */
async function invite(screen: Screen, { listen }: Daemon, shown: Shown): Promise<void> {
  const hasCrictl = await Deno.stat(CRICTL).then(({ isFile }) => isFile, () => false);
  const crictl = hasCrictl ? CRICTL : "crictl";
  const [web = ""] = shown.containerIds.values();
  const commands = [
    `curl http://${shown.ip}/`,
    `tail -f ${shown.logFile}`,
    "",
    `export CONTAINER_RUNTIME_ENDPOINT=unix://${listen}`,
    `${crictl} pods`,
    `${crictl} ps`,
    `${crictl} exec -it ${web.slice(0, 13)} sh`,
    `${crictl} inspectp ${shown.sandboxId.slice(0, 13)}`,
    ...hasCrictl ? [] : ["", "(./dev tools crictl builds crictl, where Go is installed)"],
  ];
  screen.section("It is yours now; in another terminal:", commands.join("\n"));
  screen.section("Ctrl-C removes everything.");
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  printError(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  Deno.exit(NOT_RUN);
}
