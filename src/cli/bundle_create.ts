/** `cri-containerd bundle create`: on a machine with internet, without any containerd. */
import { createHash } from "node:crypto";
import { CriError, during } from "../base/errors.ts";
import { configureLogging } from "../base/logging.ts";
import { openFile } from "../compartments/open_file.ts";
import { imageNaming } from "../compartments/image_naming.ts";
import { sourceDeps } from "../compartments/registry_deps.ts";
import { loadConfig } from "../config/load.ts";
import { type BundleContents, type ProgramKind, writeBundle } from "../images/bundle.ts";
import { type DownloadDeps, locateImage } from "../images/download.ts";
import { completeName, type Naming } from "../images/naming.ts";
import { imageArchitecture } from "../images/platform.ts";
import { Progress } from "../images/progress.ts";
import { parseReference } from "../images/reference.ts";
import { formatBytes, print } from "./output.ts";
import { progressView } from "./progress.ts";
import { replaceFile } from "./replace_file.ts";
import { untilInterrupted } from "./interrupt.ts";

export interface CreateFlags {
  config?: string;
  out: string;
  imagesFrom?: string;
  binaries?: string;
  cniPlugins?: string;
  executable?: string;
  arch?: string;
}

type Program = BundleContents["programs"][number];

/** What a node needs of a folder of containerd's release; the others in it are left out. */
const BINARIES = /^(?:containerd(?:-shim-.*|-stress)?|ctr|runc|crun|crictl)$/;

/** Writes one file with programs and images. */
export async function createBundle(o: CreateFlags): Promise<number> {
  const { config } = loadConfig(o.config === undefined ? {} : { path: o.config });
  configureLogging({ level: "warn", format: "text" });
  const architecture = o.arch ?? imageArchitecture();
  const deps = { ...sourceDeps(config), architecture };
  return await untilInterrupted(async (signal) => {
    const programs = await findPrograms(o);
    const names = o.imagesFrom === undefined ? [] : await readList(o.imagesFrom);
    const located = { names, naming: imageNaming(config) };
    const images = await locateAll(deps, located, signal);
    if (programs.length + images.length === 0) {
      throw new CriError("invalidArgument", "There is nothing to put into the bundle", {
        remedy: "name images with --images-from, or programs with --binaries and --cni-plugins",
      });
    }
    const view = showing(images);
    const bundle = writeBundle({ architecture, programs, images, onBytes: view.add }, signal);
    await replaceFile(o.out, bundle);
    view.finish();
    for (const { name, sizeBytes } of programs) print(`${name}: ${formatBytes(sizeBytes)}\n`);
    const { size } = await Deno.stat(o.out);
    print(`${o.out}: ${programs.length} programs, ${images.length} images, ${formatBytes(size)}\n`);
    return 0;
  });
}

async function locateAll(
  deps: DownloadDeps,
  { names, naming }: { names: readonly string[]; naming: Naming },
  signal: AbortSignal,
): Promise<BundleContents["images"][number][]> {
  const images = [];
  for (const name of names) {
    const reference = parseReference(completeName(naming, name, "--images-from"), "--images-from");
    images.push(await locateImage(deps, reference, signal));
  }
  return images;
}

/** Bars, or lines, as a pull has them: one image after another. */
function showing(images: BundleContents["images"]) {
  const view = progressView();
  const shown = new Map(images.map((image) => {
    const progress = new Progress(image.name);
    progress.setLayers(image.layers);
    return [image, progress];
  }));
  let current: Progress | undefined;
  let stop = () => {};
  const add: BundleContents["onBytes"] = (image, layer, bytes) => {
    const progress = shown.get(image);
    const index = image.layers.indexOf(layer);
    if (progress !== current) {
      stop();
      view.finish();
      current = progress;
      stop = progress?.listen((state) => view.show(state)) ?? (() => {});
      progress?.setStatus("fetching");
    }
    progress?.setLayer(index, "fetching");
    progress?.addBytes(index, bytes);
  };
  return {
    add,
    finish: () => {
      stop();
      view.finish();
    },
  };
}

/** A name a line; what follows a # is for people. */
async function readList(file: string): Promise<string[]> {
  try {
    const lines = (await Deno.readTextFile(file)).split("\n");
    return [...new Set(lines.map((line) => line.replace(/#.*$/, "").trim()))].filter(Boolean);
  } catch (error) {
    throw during(`Cannot read ${file}`, error);
  }
}

async function findPrograms(o: CreateFlags): Promise<Program[]> {
  const own = o.executable ?? (Deno.build.standalone ? Deno.execPath() : undefined);
  const programs = [
    ...own === undefined ? [] : [await describe("bin", own, "cri-containerd")],
    ...o.binaries === undefined ? [] : await inFolder("bin", o.binaries, BINARIES),
    ...o.cniPlugins === undefined ? [] : await inFolder("cni", o.cniPlugins, /^[^.]/),
  ];
  return programs;
}

async function inFolder(kind: ProgramKind, folder: string, wanted: RegExp): Promise<Program[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const { isFile, mode } = await Deno.stat(`${folder}/${name}`);
      const isProgram = isFile && ((mode ?? 0) & 0o111) !== 0;
      if (isProgram && wanted.test(name)) names.push(name);
    }
  } catch (error) {
    throw during(`Cannot look into ${folder}`, error);
  }
  if (names.length === 0) {
    throw new CriError("invalidArgument", `There are no programs for the bundle in ${folder}`);
  }
  return await Promise.all(names.sort().map((name) => describe(kind, `${folder}/${name}`, name)));
}

async function describe(kind: ProgramKind, path: string, name: string): Promise<Program> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const piece of await openFile(path)) {
    hash.update(piece);
    sizeBytes += piece.length;
  }
  return { kind, name, sha256: hash.digest("hex"), sizeBytes, open: () => openFile(path) };
}
