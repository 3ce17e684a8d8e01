/**
 * `cri-containerd bundle load`: everything is read and checked before anything is touched. Programs get
 * their places; images go to the folder that the daemon imports from, whether it runs already or not.
 */
import { CriError, during } from "../base/errors.ts";
import { configureLogging } from "../base/logging.ts";
import { openFile } from "../compartments/open_file.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/table.ts";
import { type ArchiveEntry, readArchive } from "../images/archive.ts";
import { checkBundle, isOfImages, type Manifest, programOf } from "../images/bundle.ts";
import { imageArchitecture } from "../images/platform.ts";
import { tarEnd, tarFile } from "../images/tar_writer.ts";
import { formatBytes, print } from "./output.ts";
import { FileView } from "./progress.ts";
import { replaceFile } from "./replace_file.ts";

export interface LoadFlags {
  config?: string;
  prefix: string;
}

/** Installs what a bundle holds. */
export async function loadBundle(file: string, o: LoadFlags): Promise<number> {
  const { config } = loadConfig(o.config === undefined ? {} : { path: o.config });
  configureLogging({ level: "warn", format: "text" });
  const list = await check(file);
  print(`${file}: ${list.programs.length} programs and ${list.images.length} images are whole\n`);
  const folders = { bin: `${o.prefix}/bin`, cni: config.cni.bin_dirs[0] ?? "/opt/cni/bin" };
  for await (const entry of readArchive(await openFile(file))) {
    const program = programOf(list, entry);
    if (program === undefined) continue;
    const folder = folders[program.kind];
    await makeFolder(folder);
    await replaceFile(`${folder}/${program.name}`, entry.body, 0o755);
    print(`${folder}/${program.name}: ${formatBytes(program.sizeBytes)}\n`);
  }
  if (list.images.length > 0) await placeImages(file, list, config);
  return 0;
}

async function check(file: string): Promise<Manifest> {
  const bytes = await openFile(file);
  const view = new FileView(file, (await Deno.stat(file)).size);
  const list = await checkBundle(readArchive(ReadableStream.from(view.watch(bytes))));
  const own = imageArchitecture();
  if (list.architecture === own) return list;
  throw new CriError(
    "failedPrecondition",
    `${file} is for ${list.architecture}, and this machine is ${own}`,
  );
}

async function placeImages(file: string, list: Manifest, { images }: Config): Promise<void> {
  await makeFolder(images.import_dir);
  const name = (file.split("/").at(-1) ?? "bundle").replace(/\.tar$|$/, ".tar");
  const path = `${images.import_dir}/${name}`;
  const entries = readArchive(await openFile(file));
  await replaceFile(path, new FileView(path).watch(imagesOf(list, entries)));
  for (const image of list.images) print(`${image}\n`);
  print(`${path}: imported when the daemon starts, or now if it runs\n`);
}

async function* imagesOf(
  list: Manifest,
  entries: AsyncIterable<ArchiveEntry>,
): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    if (!isOfImages(list, entry)) continue;
    yield* tarFile(entry.path, entry.body, entry.sizeBytes);
  }
  yield tarEnd();
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    throw during(`Cannot make the folder ${path}`, error);
  }
}
