/** Exec and port-forward, with one client for both sides, so that what differs is the server. */
import { eventually } from "../../world/delay.ts";
import { CriClient } from "../../world/cri_client.ts";
import { ForwardClient } from "../../world/forward_client.ts";
import { type ClientStream, SpdyClient } from "../../world/spdy_client.ts";
import type { Side } from "../sides.ts";
import { atLeast, atMost, median, type Row } from "../statistics.ts";
import { inPairs, type Round, rowOf, type Section, timed } from "./section.ts";

const ROUNDS = 5;
const CALLS = 60;
const MIB = 1024 * 1024;
const BYTES = 128 * MIB;
const ROUND_TRIPS = 5000;
const ECHO_PORT = 7;

/** A pod whose container echoes what it is sent. */
class Pod {
  readonly #cri: CriClient;
  readonly #pod: string;
  readonly #container: string;

  private constructor(cri: CriClient, pod: string, container: string) {
    this.#cri = cri;
    this.#pod = pod;
    this.#container = container;
  }

  static async start(cri: CriClient, { flags }: Side): Promise<Pod> {
    const metadata = { name: "streams", uid: crypto.randomUUID(), namespace: "bench", attempt: 0 };
    const config = {
      metadata,
      logDirectory: `${flags["log-dir"]}/streams`,
      linux: { cgroupParent: String(flags["cgroup-parent"]) },
    };
    const { podSandboxId } = await cri.call("runPodSandbox", { config: partial(config) });
    const container = {
      metadata: { name: "echo", attempt: 0 },
      image: { image: String(flags.image) },
      command: ["sh", "-c", `busybox nc -ll -p ${ECHO_PORT} -e /bin/cat & sleep 10000`],
      logPath: "echo.log",
      linux: {},
    };
    const request = { podSandboxId, config: partial(container), sandboxConfig: partial(config) };
    const { containerId } = await cri.call("createContainer", request);
    await cri.call("startContainer", { containerId });
    const pod = new Pod(cri, podSandboxId, containerId);
    await eventually("the echo server", () => pod.#echoes());
    return pod;
  }

  async #echoes(): Promise<boolean> {
    const client = await this.#forwardClient();
    try {
      const { data } = await client.open(ECHO_PORT);
      await data.send("x");
      await data.end();
      return await data.text() === "x";
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  async #forwardClient(): Promise<ForwardClient> {
    const { url } = await this.#cri.call("portForward", { podSandboxId: this.#pod });
    return await ForwardClient.connect(url);
  }

  async remove(): Promise<void> {
    await this.#cri.call("stopPodSandbox", { podSandboxId: this.#pod });
    await this.#cri.call("removePodSandbox", { podSandboxId: this.#pod });
  }

  /** Milliseconds of the median call of several. */
  async execSync(cmd: string[], calls: number): Promise<number> {
    const samples: number[] = [];
    for (let left = calls; left > 0; left--) {
      samples.push(
        await timed(() => this.#cri.call("execSync", { containerId: this.#container, cmd })),
      );
    }
    return median(samples);
  }

  /** MiB a second of a process's output, and of its input. */
  async exec(cmd: string[], input: number): Promise<number> {
    const streams = { stdin: true, stdout: true, stderr: false };
    const { url } = await this.#cri.call("exec", { containerId: this.#container, cmd, ...streams });
    const client = await SpdyClient.connect(url, ["v4.channel.k8s.io"]);
    const error = await client.open({ streamType: "error" });
    const stdin = await client.open({ streamType: "stdin" });
    const stdout = await client.open({ streamType: "stdout" });
    stdout.onChunk = () => {};
    const ms = await timed(async () => {
      await sendZeros(stdin, input);
      await error.ended;
    });
    client.close();
    return BYTES / MIB / (ms / 1000);
  }

  /** MiB a second there and back. */
  async forward(): Promise<number> {
    const client = await this.#forwardClient();
    const { data } = await client.open(ECHO_PORT);
    data.onChunk = () => {};
    const ms = await timed(async () => {
      await sendZeros(data, BYTES);
      await data.ended;
    });
    client.close();
    return BYTES / MIB / (ms / 1000);
  }

  /** Round trips a second. */
  async trips(): Promise<number> {
    const client = await this.#forwardClient();
    const { data } = await client.open(ECHO_PORT);
    const ms = await timed(async () => {
      for (let left = ROUND_TRIPS; left > 0; left--) {
        const { promise, resolve } = Promise.withResolvers<void>();
        data.onChunk = () => resolve();
        await data.send("x");
        await promise;
      }
    });
    client.close();
    return ROUND_TRIPS / (ms / 1000);
  }
}

/** Messages as the client's `fromPartial` takes them: members that are left out have defaults. */
// deno-lint-ignore no-explicit-any -- the generated types ask for every member
const partial = (message: object): any => message;

async function sendZeros(stream: ClientStream, size: number): Promise<void> {
  const block = new Uint8Array(32_768);
  for (let sent = 0; sent < size; sent += block.length) await stream.send(block);
  await stream.end();
}

async function measureRound(cri: CriClient, side: Side): Promise<Round> {
  const pod = await Pod.start(cri, side);
  try {
    const zeros = (size: number) => ["busybox", "head", "-c", String(size), "/dev/zero"];
    return {
      sync: await pod.execSync(["busybox", "true"], CALLS),
      mib1: await pod.execSync(zeros(MIB), 30),
      mib10: await pod.execSync(zeros(10 * MIB), 10),
      out: await pod.exec(zeros(BYTES), 0),
      in: await pod.exec(["busybox", "wc", "-c"], BYTES),
      forward: await pod.forward(),
      trips: await pod.trips(),
    };
  } finally {
    await pod.remove();
  }
}

export const streams: Section = {
  meaning: `ExecSync, the output and input of an exec (${BYTES / MIB} MiB over SPDY), and one ` +
    "forwarded port of an echo server: as much there and back, and round trips of one byte",
  measure: async (arena): Promise<Row[]> => {
    using own = new CriClient(arena.ours.socket);
    using other = new CriClient(arena.theirs.socket);
    const pairs = await inPairs(
      arena,
      ROUNDS,
      (side) => measureRound(side === arena.ours ? own : other, side),
    );
    const level = { unit: "ms", goal: atMost(1) } as const;
    const rate = { unit: "MiB/s", goal: atLeast(1) } as const;
    return [
      rowOf(pairs, { name: "sync", what: "ExecSync true p50", ...level }),
      rowOf(pairs, { name: "mib1", what: "ExecSync of 1 MiB", ...level }),
      rowOf(pairs, { name: "mib10", what: "ExecSync of 10 MiB", ...level }),
      rowOf(pairs, { name: "out", what: "exec output", ...rate }),
      rowOf(pairs, { name: "in", what: "exec input", ...rate }),
      rowOf(pairs, { name: "forward", what: "port-forward", ...rate }),
      rowOf(pairs, { name: "trips", what: "round trips", unit: "/s", goal: atLeast(1) }),
    ];
  },
};
