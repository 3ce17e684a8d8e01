/** The folder of image archives, as the registry compartment sees it. */
import type { ArchiveFile, ImportFolderDeps } from "../images/import_folder.ts";
import { openFile } from "./open_file.ts";

export function importFiles(
  folder: string,
): Pick<ImportFolderDeps, "listFiles" | "openFile" | "watch"> {
  return {
    listFiles: () => listFiles(folder),
    openFile: (name) => openFile(`${folder}/${name}`),
    watch: (signal) => watch(folder, signal),
  };
}

async function listFiles(folder: string): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const { isFile, size, mtime } = await Deno.stat(`${folder}/${name}`);
      if (isFile) files.push({ name, sizeBytes: size, changedAtMs: mtime?.getTime() ?? 0 });
    }
  } catch (error) {
    // The folder, or a file that was removed since it was listed.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files;
}

async function* watch(folder: string, signal: AbortSignal): AsyncGenerator<Deno.FsEvent> {
  const watcher = Deno.watchFs(folder, { recursive: false });
  const close = () => watcher.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    for await (const event of watcher) {
      // Our own reading is told as well.
      if (event.kind !== "access" && event.kind !== "remove") yield event;
    }
  } finally {
    signal.removeEventListener("abort", close);
    if (!signal.aborted) watcher.close();
  }
}
