/** `./dev compile`: the executable and its release, of what is committed. */
import { print, printError } from "../../src/cli/output.ts";
import { formatBytes } from "../../src/cli/output.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { type Arch, compileArguments, explainFailure, releaseName } from "./plan.ts";
import { packRelease, type ReleaseFile, stampInstaller, sumsOf } from "./release.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Starts of the executable, of which the median is told. */
const STARTS = 5;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd ?? ROOT,
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Puts what is committed into a folder; without git, what lies here is compiled as it is. */
async function sourceTree(into: string): Promise<string> {
  const head = await run("git", ["rev-parse", "--verify", "HEAD"]).catch(() => undefined);
  if (head === undefined || head.code !== 0) return ROOT;
  const { stdout: changed } = await run("git", ["status", "--porcelain", "--untracked-files=no"]);
  if (changed !== "") printError("What isn't committed does not go into the executable.\n");
  const archive = `${into}/source.tar`;
  const packed = await run("git", ["archive", `--output=${archive}`, "HEAD"]);
  const tree = `${into}/source`;
  await Deno.mkdir(tree);
  const unpacked = packed.code === 0 ? await run("tar", ["-xf", archive, "-C", tree]) : packed;
  if (unpacked.code !== 0) throw new Error(`Cannot take the sources from git: ${unpacked.stderr}`);
  return tree;
}

async function compile(tree: string, arch: Arch, output: string): Promise<void> {
  const { code, stderr } = await run(Deno.execPath(), compileArguments(arch, output), {
    cwd: tree,
  });
  if (code === 0) return;
  const denort = Deno.env.get("DENORT_BIN");
  throw new Error(explainFailure({ stderr, arch, deno: Deno.version.deno, denort }));
}

/** What the program in these sources prints about itself. */
async function ask(tree: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(
    Deno.execPath(),
    ["run", "-q", "-P", "main.ts", ...args],
    { cwd: tree },
  );
  if (code !== 0) throw new Error(`cri-containerd ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function releaseFiles(tree: string, o: Options): Promise<ReleaseFile[]> {
  const version = await versionOf(tree);
  const text = (path: string, body: string, mode = 0o644): ReleaseFile => ({ path, body, mode });
  const installer = await Deno.readTextFile(`${tree}/install.sh`);
  return [
    text("install.sh", stampInstaller(installer, { url: o.url, version }), 0o755),
    text("LICENSE", await Deno.readTextFile(`${tree}/LICENSE`)),
    text("VERSION", `${version}\n`),
    text("share/config.toml", await ask(tree, "config", "default")),
    text("share/cri-containerd.8", await ask(tree, "man")),
    text("share/completions/cri-containerd.bash", await ask(tree, "completion", "bash")),
    text("share/completions/_cri-containerd", await ask(tree, "completion", "zsh")),
    text("share/completions/cri-containerd.fish", await ask(tree, "completion", "fish")),
  ];
}

async function versionOf(tree: string): Promise<string> {
  const manifest: unknown = JSON.parse(await Deno.readTextFile(`${tree}/deno.json`));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    return String(manifest.version);
  }
  throw new Error("deno.json has no version");
}

/** Size, and where it can run here, how soon it does. */
async function report(path: string, arch: Arch): Promise<void> {
  const { size } = await Deno.stat(path);
  print(`${path}  ${formatBytes(size)}\n`);
  if (arch !== Deno.build.arch) return;
  const times: number[] = [];
  for (let start = 0; start < STARTS; start++) {
    const began = performance.now();
    const { code, stderr } = await run(path, ["version"]);
    if (code !== 0) throw new Error(`${path} does not run here: ${stderr}`);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  print(`  \`version\` answers after ${Math.round(times[STARTS >> 1] ?? 0)} ms\n`);
}

async function make(o: Options, scratch: string): Promise<void> {
  const tree = await sourceTree(scratch);
  const version = await versionOf(tree);
  const around = await releaseFiles(tree, o);
  const output = o.output.startsWith("/") ? o.output : `${ROOT}${o.output}`;
  await Deno.mkdir(output, { recursive: true });
  const made: { name: string; body: Uint8Array<ArrayBuffer> | string }[] = [];
  for (const arch of o.targets) {
    const name = releaseName(version, arch);
    await compile(tree, arch, `${output}/${name}`);
    await report(`${output}/${name}`, arch);
    const body = await Deno.readFile(`${output}/${name}`);
    const release = await packRelease(name, [
      { path: "cri-containerd", body, mode: 0o755 },
      ...around,
    ]);
    await Deno.writeFile(`${output}/${name}.tar.gz`, release);
    print(`${output}/${name}.tar.gz  ${formatBytes(release.length)}\n`);
    made.push({ name, body }, { name: `${name}.tar.gz`, body: release });
  }
  for (const { path, body } of around.filter(({ path }) => /^(?:install.sh|VERSION)$/.test(path))) {
    if (typeof body !== "string") continue;
    await Deno.writeTextFile(`${output}/${path}`, body);
    made.push({ name: path, body });
  }
  await Deno.writeTextFile(`${output}/sha256sums`, await sumsOf(made));
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, Deno.build.arch);
  if (options === "help") {
    print(HELP);
    return 0;
  }
  const scratch = await Deno.makeTempDir({ prefix: "cri-compile-" });
  try {
    await make(options, scratch);
    return 0;
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  Deno.exit(1);
}
