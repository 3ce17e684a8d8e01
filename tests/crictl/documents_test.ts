/**
 * Every command that README and the documents show in a block of its own is run: on a node, in a
 * folder that stands for one, or, where it takes a whole machine, by `./dev vm`.
 */
import assert from "node:assert/strict";
import { allCommands, commandTree } from "../../src/cli/command_tree.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { ROOT } from "../check/source.ts";
import { CRICTL } from "../world/crictl.ts";
import { place } from "../world/install_place.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";
import { findProgram } from "../world/programs.ts";
import { standIn, writeRelease } from "../world/releases.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sh } from "../world/sh.ts";
import { sharedNode } from "../world/shared_node.ts";
import { skipUnless } from "../world/skip.ts";

const PROGRAMS = ["cri-containerd", "crictl", "curl", "minisign", "sh", "systemctl", "journalctl"];
const COMMAND = new RegExp(`^ {4,}((?:${PROGRAMS.join("|")}|\\./dev) .*)$`, "gm");

/** By what is run elsewhere: a file that does so. */
const ELSEWHERE: readonly [RegExp, string][] = [
  [/^\.\/dev demo$/, "tests/integration/demo_test.ts"],
  [/^\.\/dev test$/, ".ci/run"],
  [/^\.\/dev compile /, "tests/packaging/compile_test.ts"],
];

const { daemon, crictl, pods, image } = await sharedNode();
const dir = await Deno.makeTempDir({ prefix: "documents-" });
Deno.test.afterAll(() => Deno.remove(dir, { recursive: true }));
const bin = `${dir}/bin`;

/** Comments go, and lines that go on are joined. */
function commandsIn(text: string): string[] {
  return [...text.replaceAll(/\\\n\s*/g, "").matchAll(COMMAND)]
    .map(([, line = ""]) => line.replace(/ +#.*$/, "").trim());
}

const documents = [`${ROOT}README.md`];
for await (const { name } of Deno.readDir(`${ROOT}docs`)) documents.push(`${ROOT}docs/${name}`);
const texts = await Promise.all(
  documents.filter((path) => path.endsWith(".md")).map((path) => Deno.readTextFile(path)),
);
const all = [...new Set(texts.flatMap(commandsIn))];

/** The daemon's program under its name; where a command takes a configuration, the node's. */
async function writeProgram(): Promise<void> {
  const takers = allCommands(commandTree(buildProgram(() => {})))
    .filter(({ options }) => options.some(({ flag }) => flag === "--config"))
    .map(({ path }) => `"${path}"*`);
  await Deno.mkdir(bin);
  await Deno.writeTextFile(
    `${bin}/cri-containerd`,
    `#!/bin/sh
case "$*" in
  ${takers.join(" | ")}) set -- "$@" --config ${daemon.configFile} ;;
esac
exec ${[PROGRAM, ...PROGRAM_ARGS].join(" ")} "$@"
`,
    { mode: 0o755 },
  );
  await Deno.symlink(CRICTL, `${bin}/crictl`);
}

/** What the documents' names stand for, made before the commands that need it. */
async function prepare(): Promise<void> {
  await writeProgram();
  await Deno.mkdir(`${dir}/programs`);
  await Deno.mkdir(`${dir}/plugins`);
  for (const name of ["programs/containerd", "programs/runc", "plugins/documented"]) {
    await Deno.writeTextFile(`${dir}/${name}`, "#!/bin/sh\n", { mode: 0o755 });
  }
  await Deno.writeTextFile(`${dir}/executable`, standIn("1.0.0"), { mode: 0o755 });
  await Deno.writeTextFile(`${dir}/images.txt`, `${image}\n`);
  await Deno.writeTextFile(`${dir}/containerd.toml`, "version = 2\n");
}

const WORDS: readonly [RegExp, string][] = [
  [/--binaries \S+/, `--binaries ${dir}/programs --executable ${dir}/executable`],
  [/--cni-plugins \S+/, `--cni-plugins ${dir}/plugins`],
  [/\/etc\/containerd\/config\.toml/, `${dir}/containerd.toml`],
  [/unix:\S+cri-containerd\.sock/, `unix://${daemon.listen}`],
  [/\bNAME\b/, "printer"],
  [/\bIMAGE\b/, image],
  [/bundle load node\.tar/, `bundle load node.tar --prefix ${dir}/usr`],
];

/** Faults and warnings of a test's node are no failure of the command. */
const CODES: readonly [RegExp, readonly number[]][] = [[/^cri-containerd doctor/, [0, 1, 3]]];

async function runOnNode(line: string): Promise<void> {
  const command = WORDS.reduce((text, [from, to]) => text.replace(from, to), line);
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", command],
    cwd: dir,
    env: { PATH: `${bin}:${Deno.env.get("PATH")}` },
    stdin: "null",
  }).output();
  const [, allowed] = CODES.find(([pattern]) => pattern.test(line)) ?? [undefined, [0]];
  assert.ok(allowed.includes(code), `${command}: ${code}: ${new TextDecoder().decode(stderr)}`);
}

Deno.test("every command of the documents for a node that runs does what it should", async () => {
  await prepare();
  await crictl("pull", image);
  const script = "for i in 1 2 3; do echo $i; sleep 1; done";
  const id = await pods.create(await pods.run("documented"), {
    pod: podConfig(daemon, "documented"),
    container: containerConfig("printer", image, { command: ["sh", "-c", script] }),
  });
  await crictl("start", id);
  await runOnNode(`cri-containerd images export ${image} --output archive.tar`);
  const mine = all.filter((line) => /^(?:cri-containerd|crictl) /.test(line));
  assert.ok(mine.length > 15, `${mine.length}`);
  // What a bundle is loaded from is made by another of them.
  for (const line of mine.sort((a, b) => rank(a) - rank(b))) await runOnNode(line);
});

const rank = (line: string) => line.startsWith("cri-containerd bundle create") ? 0 : 1;

const whereMinisignIs = skipUnless(
  await findProgram("minisign") !== undefined,
  "no minisign here",
);

Deno.test({
  ...whereMinisignIs("every command of the documents for installing does what it should"),
  fn: installAsDocumented,
});

async function installAsDocumented() {
  await using it = await place();
  await writeRelease({ dir: it.releases, version: "0.2.0" });
  await using server = it.serve();
  const origin = `http://127.0.0.1:${server.addr.port}`;
  const mine = all.filter((line) => /^(?:sh install\.sh|curl|minisign) /.test(line));
  assert.ok(mine.length >= 6, `${mine.length}`);
  await sh("sh", "-c", `cd ${dir} && cp ${ROOT}install.sh . && HOME=${dir} minisign -G -W`);
  const where = `cd ${dir} && export HOME=${dir} INSTALL_ROOT=${it.root} INSTALL_URL=${origin}`;
  for (const line of mine) {
    const command = line.replace("https://releases.example", origin).replace("sudo ", "");
    await sh("sh", "-c", `${where} && ${command}`);
  }
  await sh("sh", "-c", `${where} && sh install.sh --from node.tar --public-key minisign.pub`);
  assert.ok(await it.has("/usr/local/bin/cri-containerd"));
}

Deno.test("every other command of the documents is run somewhere", async () => {
  const machine = await Deno.readTextFile(`${ROOT}tests/vm/systemd.sh`);
  for (const line of all) {
    if (/^(?:cri-containerd|crictl|sh install\.sh|curl|minisign) /.test(line)) continue;
    const [, file] = ELSEWHERE.find(([pattern]) => pattern.test(line)) ?? [];
    if (file === undefined) assert.ok(machine.includes(line), `nothing runs ${line}`);
    else assert.ok(await Deno.stat(`${ROOT}${file}`), file);
  }
});
