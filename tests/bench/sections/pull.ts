/** Images out of a registry on loopback: few large layers and many small ones. */
import { randomFillSync } from "node:crypto";
import { connectContainerd } from "../../../src/containerd/client.ts";
import { imageArchitecture } from "../../../src/images/platform.ts";
import { pushImage } from "../../fakes/registry.ts";
import { testImage } from "../../fakes/test_image.ts";
import { CriClient } from "../../world/cri_client.ts";
import { delay, eventually } from "../../world/delay.ts";
import { hasDockerRegistry, startDockerRegistry } from "../../world/docker_registry.ts";
import { sh } from "../../world/sh.ts";
import type { Side } from "../sides.ts";
import { atLeast, atMost, type Row } from "../statistics.ts";
import { type Arena, inPairs, type Round, rowOf, type Section } from "./section.ts";

const ROUNDS = 5;
const MIB = 1024 * 1024;
const SAMPLE_EVERY_MS = 50;
/** Of memory above that of a daemon that has nothing to do. */
const MEMORY_LIMIT_MIB = 64;

interface Shape {
  readonly name: string;
  readonly what: string;
  readonly layers: number;
  /** Of one layer, packed, about. */
  readonly layerBytes: number;
}

const SHAPES: readonly Shape[] = [
  { name: "one", what: "1 layer of 200 MiB", layers: 1, layerBytes: 200 * MIB },
  { name: "ten", what: "10 layers of 20 MiB", layers: 10, layerBytes: 20 * MIB },
  { name: "many", what: "100 layers of 64 KiB", layers: 100, layerBytes: 64 * 1024 },
];

interface Stock {
  readonly shape: Shape;
  /** As it is pulled. */
  readonly reference: string;
  readonly sizeMib: number;
  /** Digests of what the content store must have lost before it is pulled again. */
  readonly layers: readonly string[];
}

export const pull: Section = {
  meaning: "an image's layers fetched from a registry on loopback and unpacked, by the CRI on " +
    "both sides, and by ours beside `ctr images pull` on ours' containerd; memory is the most " +
    "that the daemon took, less what it had before its first pull",
  measure: async (arena): Promise<Row[]> => {
    if (!await hasDockerRegistry()) throw new Error("it needs docker-registry; install that");
    const registry = await startDockerRegistry();
    try {
      const rows: Row[] = [];
      await arena.ours.restart(0);
      const idleMib = await arena.ours.rssMib();
      for (const shape of SHAPES) {
        arena.note(`making ${shape.what}`);
        const stock = await stockUp(registry.origin, shape);
        rows.push(...await rowsOf(arena, stock, idleMib));
      }
      return rows;
    } finally {
      await registry.cleanUp();
    }
  },
};

async function rowsOf(arena: Arena, stock: Stock, idleMib: number): Promise<Row[]> {
  const pairs = await inPairs(arena, ROUNDS, (side) => pullRound(side, stock));
  const withCtr = await inPairs(arena, ROUNDS, (side) => {
    return side === arena.ours ? pullRound(side, stock) : ctrRound(arena, stock);
  });
  const { what } = stock.shape;
  const peaks = [...pairs.ours, ...withCtr.ours].map(({ peak = NaN }) => peak - idleMib);
  return [
    rowOf(pairs, { name: "rate", what, unit: "MiB/s", goal: atLeast(1) }),
    rowOf(withCtr, { name: "rate", what: `${what}, beside ctr`, unit: "MiB/s" }),
    rowOf(pairs, { name: "cpu", what: `${what}, CPU`, unit: "ms" }),
    {
      what: `${what}, memory, ours alone`,
      unit: "MiB",
      ours: peaks,
      theirs: [],
      goal: atMost(MEMORY_LIMIT_MIB),
    },
  ];
}

/** Makes an image and puts it into the registry. */
async function stockUp(origin: string, shape: Shape): Promise<Stock> {
  const layers = Array.from({ length: shape.layers }, (_, index) => [
    { path: `usr/lib/part${index}`, content: fillerOf(shape.layerBytes) },
  ]);
  const image = testImage({ layers, architecture: imageArchitecture() });
  const name = `bench/${shape.name}:1`;
  await pushImage(origin, name, { images: [image], target: image.manifest });
  return {
    shape,
    reference: `${new URL(origin).host}/${name}`,
    sizeMib: image.layers.reduce((sum, { bytes }) => sum + bytes.length, 0) / MIB,
    layers: image.layers.map(({ digest }) => digest),
  };
}

/** What packs to so many bytes: chance with six bits in each byte, so that unpacking is work. */
function fillerOf(packedBytes: number): Uint8Array {
  const bytes = randomFillSync(new Uint8Array(Math.round(packedBytes * 8 / 6)));
  for (let at = 0; at < bytes.length; at++) bytes[at] = 32 + ((bytes[at] ?? 0) & 63);
  return bytes;
}

async function pullRound(side: Side, stock: Stock): Promise<Round> {
  using client = new CriClient(side.socket);
  const image = { image: stock.reference };
  const cpuBefore = await side.cpuMs();
  await using memory = new PeakMemory(side);
  const began = performance.now();
  await client.call("pullImage", { image });
  const seconds = (performance.now() - began) / 1000;
  const round = {
    rate: stock.sizeMib / seconds,
    cpu: await side.cpuMs() - cpuBefore,
    peak: await memory.stop(),
  };
  await client.call("removeImage", { image });
  await untilGone(side.containerd, stock);
  return round;
}

/** The same by containerd's own command, on our side's containerd. */
async function ctrRound({ node, ours }: Arena, stock: Stock): Promise<Round> {
  const ctr = (...args: string[]) =>
    sh(node.ctr, "-a", ours.containerd, "-n", "k8s.io", "images", ...args);
  const began = performance.now();
  await ctr("pull", "--plain-http", stock.reference);
  const seconds = (performance.now() - began) / 1000;
  await ctr("rm", "--sync", stock.reference);
  await untilGone(ours.containerd, stock);
  return { rate: stock.sizeMib / seconds };
}

/** Waits until garbage collection has taken the layers away, so that the next pull is a whole one. */
async function untilGone(address: string, stock: Stock): Promise<void> {
  if (address === "") return;
  const containerd = connectContainerd({ address, namespace: "k8s.io" });
  try {
    await eventually("the layers are gone", async () => {
      for await (const { digest } of containerd.content.list([])) {
        if (stock.layers.includes(digest)) return false;
      }
      return true;
    });
  } finally {
    containerd.close();
  }
}

/** Looks at a side's memory again and again. */
class PeakMemory implements AsyncDisposable {
  readonly #side: Side;
  readonly #watching: Promise<void>;
  #isOver = false;
  #peakMib = 0;

  constructor(side: Side) {
    this.#side = side;
    this.#watching = this.#watch();
  }

  /** The most that was seen, in MiB. */
  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#watching;
    return this.#peakMib;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      this.#peakMib = Math.max(this.#peakMib, await this.#side.rssMib());
      await delay(SAMPLE_EVERY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
