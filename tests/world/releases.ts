/** Releases and bundles for tests of the installer, with a program in them that runs the sources. */
import { packRelease, stampInstaller, sumsOf } from "../../packaging/compile/release.ts";
import { ROOT } from "../check/source.ts";
import { FakeRegistry } from "../fakes/registry.ts";
import { type TestImage, testImage } from "../fakes/test_image.ts";
import { sh } from "./sh.ts";

/** Processor of the test's machine, as releases name it. */
export const ARCH = Deno.build.arch;

/**
 * A program that stands in for the executable where none can be compiled: a script that runs the
 * sources with the executable's permissions. A broken one starts and never serves.
 */
export function standIn(
  version: string,
  o: { isBroken?: boolean; command?: readonly string[]; denoDir?: string } = {},
): string {
  const command = o.command ?? [Deno.execPath(), "run", "-q", "-P", `${ROOT}main.ts`];
  const serve = o.isBroken === true ? 'if [ "$1" = serve ]; then exec sleep 1000; fi\n' : "";
  const denoDir = o.denoDir === undefined ? "" : `export DENO_DIR=${o.denoDir}\n`;
  return `#!/bin/sh
if [ "$1" = version ]; then
  echo "cri-containerd ${version} (CRI v1, from source)"
  exit
fi
${serve}${denoDir}exec ${command.join(" ")} "$@"
`;
}

/** A release as `./dev compile` makes it, by its path. */
export async function writeRelease(o: {
  dir: string;
  version: string;
  program?: string;
  url?: string;
}): Promise<string> {
  const name = `cri-containerd-${o.version}-linux-${ARCH}`;
  const installer = await Deno.readTextFile(`${ROOT}install.sh`);
  const text = (path: string, body: string, mode = 0o644) => ({ path, body, mode });
  const stamped = stampInstaller(installer, { url: o.url ?? "", version: o.version });
  const release = await packRelease(name, [
    text("cri-containerd", o.program ?? standIn(o.version), 0o755),
    text("install.sh", stamped, 0o755),
    text("LICENSE", "free\n"),
    text("VERSION", `${o.version}\n`),
    text("share/cri-containerd.8", ".TH CRI-CONTAINERD 8\n"),
    text("share/completions/cri-containerd.bash", "# bash\n"),
    text("share/completions/_cri-containerd", "#compdef cri-containerd\n"),
    text("share/completions/cri-containerd.fish", "# fish\n"),
  ]);
  await Deno.mkdir(o.dir, { recursive: true });
  const path = `${o.dir}/${name}.tar.gz`;
  await Deno.writeFile(path, release);
  await Deno.writeTextFile(`${o.dir}/VERSION`, `${o.version}\n`);
  await Deno.writeTextFile(`${o.dir}/install.sh`, stamped);
  await writeSums(o.dir, [`${name}.tar.gz`]);
  return path;
}

/** A bundle by `bundle create`, of these programs (`bin/NAME`, `cni/NAME`) and an image. */
export async function writeBundleFile(
  dir: string,
  programs: Readonly<Record<string, string | Uint8Array>>,
  image: TestImage = testImage({ layers: [[{ path: "a", content: "1" }]] }),
): Promise<string> {
  await using registry = new FakeRegistry();
  registry.addImage("web:1", image);
  const folders = `${dir}/bundled`;
  for (const [path, body] of Object.entries(programs)) {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    await Deno.mkdir(`${folders}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeFile(`${folders}/${path}`, bytes, { mode: 0o755 });
  }
  await Deno.writeTextFile(`${dir}/images.txt`, `${registry.host}/web:1\n`);
  await Deno.writeTextFile(`${dir}/config.toml`, "");
  const hasOthers = Object.keys(programs).some((path) => /^bin\/(?!cri-)/.test(path));
  const hasPlugins = Object.keys(programs).some((path) => path.startsWith("cni/"));
  await sh(
    Deno.execPath(),
    ...["run", "-q", "-P", `${ROOT}main.ts`, "bundle", "create", "--out", `${dir}/bundle.tar`],
    ...["--config", `${dir}/config.toml`, "--images-from", `${dir}/images.txt`],
    ...["--executable", `${folders}/bin/cri-containerd`],
    ...hasOthers ? ["--binaries", `${folders}/bin`] : [],
    ...hasPlugins ? ["--cni-plugins", `${folders}/cni`] : [],
  );
  return `${dir}/bundle.tar`;
}

/** `sha256sums` for files of a folder. */
export async function writeSums(dir: string, names: readonly string[]): Promise<void> {
  const files = await Promise.all(names.map(async (name) => {
    return { name, body: await Deno.readFile(`${dir}/${name}`) };
  }));
  await Deno.writeTextFile(`${dir}/sha256sums`, await sumsOf(files));
}
