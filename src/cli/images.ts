/** `cri-containerd images`: works on containerd directly, with or without the daemon. */
import { CriError } from "../base/errors.ts";
import { configureLogging } from "../base/logging.ts";
import { Operation } from "../base/operation.ts";
import { openFile } from "../compartments/open_file.ts";
import { imageNaming } from "../compartments/image_naming.ts";
import { registryDeps } from "../compartments/registry_deps.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/table.ts";
import { connectContainerd, type Containerd } from "../containerd/client.ts";
import { readArchive } from "../images/archive.ts";
import { exportImages as exportArchive } from "../images/export.ts";
import { importArchive } from "../images/import.ts";
import type { Image } from "../images/image.ts";
import { completeName } from "../images/naming.ts";
import { imageArchitecture } from "../images/platform.ts";
import { Progress } from "../images/progress.ts";
import { type PullDeps, pullImage } from "../images/pull.ts";
import { canonicalName, parseReference, tryParseReference } from "../images/reference.ts";
import { removeImage } from "../images/remove.ts";
import { ImageStore } from "../images/store.ts";
import type { RegistryAuth } from "../registry/credentials.ts";
import { withContainerdAddress } from "../supervisor/managed_config.ts";
import { replaceFile } from "./replace_file.ts";
import { untilInterrupted } from "./interrupt.ts";
import { formatBytes, formatTable, print, printBytes, printError, printJson } from "./output.ts";
import { FileView, progressView } from "./progress.ts";

/** Flags that all of the commands have. */
export interface ImagesFlags {
  config?: string;
}

interface Session {
  config: Config;
  containerd: Containerd;
  deps: PullDeps;
  signal: AbortSignal;
}

/** Prints the images of containerd's namespace. */
export async function listImages(o: ImagesFlags & { json?: boolean }): Promise<number> {
  return await withContainerd(o, async (session) => {
    const images = (await loadStore(session)).list();
    if (o.json === true) {
      printJson(images.map(({ id, repoTags, repoDigests, sizeBytes, pinned }) => {
        return { id, repoTags, repoDigests, sizeBytes, pinned };
      }));
    } else print(imageTable(images));
    return 0;
  });
}

/** A line per tag; images without a tag are listed by their repository. */
export function imageTable(images: readonly Image[]): string {
  const rows = images.flatMap((image) => {
    const repository = image.repoDigests[0]?.replace(/@.*$/, "");
    const untagged = repository === undefined ? "<none>" : `${repository}:<none>`;
    const names = image.repoTags.length > 0 ? image.repoTags : [untagged];
    const id = image.id.replace(/^sha256:/, "").slice(0, 13);
    const size = formatBytes(Number(image.sizeBytes));
    return names.map((name) => [name, id, size, image.pinned ? "yes" : ""]);
  });
  return formatTable(["IMAGE", "IMAGE ID", "SIZE", "PINNED"], rows);
}

/** Pulls images, one after another, and shows how far they have come. */
export async function pullImages(
  references: readonly string[],
  o: ImagesFlags & { username?: string; passwordStdin?: boolean; quiet?: boolean },
): Promise<number> {
  const auth = await readAuth(o);
  return await withContainerd(o, async ({ config, deps, signal }) => {
    const naming = imageNaming(config);
    const wanted = references.map((text) => parseReference(completeName(naming, text, "IMAGE")));
    for (const reference of wanted) {
      const name = canonicalName(reference);
      const progress = new Progress(name);
      const view = progressView();
      const stopListening = o.quiet === true ? () => {} : progress.listen((it) => view.show(it));
      try {
        const stored = await pullImage(deps, {
          reference,
          auth,
          snapshotter: config.containerd.snapshotter,
          labels: new Map(),
          progress,
        }, new Operation(`pull image ${name}`, signal));
        print(`${stored.imageId}\n`);
      } finally {
        stopListening();
        view.finish();
      }
    }
    return 0;
  });
}

/** Removes images under all their names; 1 when one of them isn't there. */
export async function removeImages(names: readonly string[], o: ImagesFlags): Promise<number> {
  return await withContainerd(o, async (session) => {
    const store = await loadStore(session);
    let code = 0;
    for (const name of names) {
      const image = store.find(name);
      if (image === undefined) {
        printError(`cri-containerd: there is no image ${JSON.stringify(name)}\n`);
        code = 1;
        continue;
      }
      const { images } = session.containerd;
      await removeImage({ images, store }, name, session.signal);
      print(`${[...image.repoTags, image.id].join("\n")}\n`);
    }
    return code;
  });
}

/** Imports archives as `docker save`, `ctr images export` and others write them; "-" is stdin. */
export async function importImages(
  files: readonly string[],
  o: ImagesFlags & { baseName?: string; allPlatforms?: boolean },
): Promise<number> {
  return await withContainerd(o, async ({ config, deps, signal }) => {
    for (const file of files) {
      const stored = await importArchive({ ...deps, readArchive }, {
        what: file === "-" ? "stdin" : file,
        stream: await openArchive(file),
        snapshotter: config.containerd.snapshotter,
        allPlatforms: o.allPlatforms === true,
        ...(o.baseName === undefined ? {} : { baseName: o.baseName }),
      }, signal);
      for (const { names } of stored) print(`${names.join("\n")}\n`);
    }
    return 0;
  });
}

/** Writes images into one archive of the OCI layout; "-" is stdout. */
export async function exportImages(
  names: readonly string[],
  o: ImagesFlags & { output: string; allPlatforms?: boolean },
): Promise<number> {
  return await withContainerd(o, async (session) => {
    const { containerd, signal } = session;
    const store = await loadStore(session);
    const records = names.map((name) => recordName(store, name));
    const architecture = imageArchitecture();
    const deps = { images: containerd.images, content: containerd.content, architecture };
    const request = { names: records, allPlatforms: o.allPlatforms === true };
    const archive = exportArchive(deps, request, signal);
    if (o.output === "-") {
      await printBytes(archive);
      return 0;
    }
    await replaceFile(o.output, new FileView(o.output).watch(archive));
    print(records.map((name) => `${name}\n`).join(""));
    return 0;
  });
}

/** The record that a name means: the very one where there is one, else the image's first. */
function recordName(store: ImageStore, name: string): string {
  const image = store.find(name);
  const [first] = image?.names ?? [];
  if (image === undefined || first === undefined) {
    throw new CriError("notFound", `There is no image ${JSON.stringify(name)}`);
  }
  const reference = tryParseReference(name);
  const whole = reference === undefined ? name : canonicalName(reference);
  return image.names.includes(whole) ? whole : first;
}

/** An archive that shows how far it has been read. */
async function openArchive(file: string): Promise<ReadableStream<Uint8Array>> {
  if (file === "-") return Deno.stdin.readable;
  const bytes = await openFile(file);
  const { size } = await Deno.stat(file);
  return ReadableStream.from(new FileView(file, size).watch(bytes));
}

async function readAuth(
  o: { username?: string; passwordStdin?: boolean },
): Promise<RegistryAuth | undefined> {
  if (o.username === undefined && o.passwordStdin !== true) return undefined;
  if (o.username === undefined || o.passwordStdin !== true) {
    throw new CriError("invalidArgument", "--username and --password-stdin belong together");
  }
  const input = await new Response(Deno.stdin.readable).text();
  const password = input.replace(/\r?\n$/, "");
  const none = { auth: "", serverAddress: "", identityToken: "", registryToken: "" };
  return { ...none, username: o.username, password };
}

async function loadStore({ config, containerd, signal }: Session): Promise<ImageStore> {
  const { images, content } = containerd;
  const naming = imageNaming(config);
  const store = new ImageStore({ images, content, architecture: imageArchitecture(), naming });
  await store.load(signal);
  return store;
}

/** Connects, does the work, and disconnects; SIGINT and SIGTERM cancel the work first. */
async function withContainerd(
  o: ImagesFlags,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const loaded = loadConfig(o.config === undefined ? {} : { path: o.config });
  const config = withContainerdAddress(loaded.config);
  configureLogging({ level: "warn", format: "text" });
  const { address, namespace } = config.containerd;
  const containerd = connectContainerd({ address, namespace });
  try {
    const deps = registryDeps(config, containerd);
    return await untilInterrupted((signal) => work({ config, containerd, deps, signal }));
  } finally {
    containerd.close();
  }
}
