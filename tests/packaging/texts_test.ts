/** Completion scripts and the manual page, tried in the shells and by the formatter that read them. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { allCommands, commandTree } from "../../src/cli/command_tree.ts";
import { completionScript } from "../../src/cli/completion.ts";
import { manPage } from "../../src/cli/man.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { ROOT } from "../check/source.ts";
import { findProgram } from "../world/programs.ts";
import { skipUnless } from "../world/skip.ts";

const tree = commandTree(buildProgram(() => {}));

async function feed(program: string, args: string[], input: string): Promise<string> {
  const child = new Deno.Command(program, {
    args,
    env: { TERM: "dumb" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { stdout, stderr } = await output;
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stderr), "");
  return decoder.decode(stdout);
}

/** What bash offers after these words, of which the last is being written. */
async function bashOffers(...words: string[]): Promise<string[]> {
  const list = words.map((word) => `'${word}'`).join(" ");
  const output = await feed(
    "bash",
    ["-u"],
    `${completionScript("bash", tree)}
COMP_WORDS=(cri-containerd ${list})
COMP_CWORD=${words.length}
_cri_containerd
printf '%s\\n' "\${COMPREPLY[@]}"
`,
  );
  return output.trim().split("\n");
}

for (
  const { words, offers } of [
    { words: ["per"], offers: ["permissions"] },
    { words: ["images", "pu"], offers: ["pull"] },
    { words: ["images", "pull", "--us"], offers: ["--username"] },
    { words: ["serve", "--log-level", "w"], offers: ["warn"] },
    { words: ["completion", "f"], offers: ["fish"] },
    { words: ["config", "check", `${ROOT}LICENS`], offers: [`${ROOT}LICENSE`] },
  ]
) {
  Deno.test(`bash completes "${words.join(" ")}" to ${offers.join(" ")}`, async () => {
    assert.deepEqual(await bashOffers(...words), offers);
  });
}

const fish = await findProgram("fish");

for (
  const { line, offers } of [
    { line: "cri-containerd per", offers: ["permissions"] },
    { line: "cri-containerd images pu", offers: ["pull"] },
    { line: "cri-containerd images pull --us", offers: ["--username"] },
    { line: "cri-containerd serve --log-level w", offers: ["warn"] },
  ]
) {
  Deno.test({
    ...skipUnless(fish !== undefined, "no fish here")(`fish completes "${line}"`),
    fn: async () => {
      const script = `${completionScript("fish", tree)}\ncomplete -C '${line}'\n`;
      const output = await feed("fish", ["--no-config"], script);
      const words = output.trim().split("\n").map((offer) => offer.split("\t")[0]);
      assert.deepEqual(words, offers);
    },
  });
}

const zsh = await findProgram("zsh");

Deno.test({
  ...skipUnless(zsh !== undefined, "no zsh here")("zsh takes its completion script"),
  fn: async () => {
    const script = completionScript("zsh", tree);
    const output = await feed(
      "zsh",
      ["-f"],
      `autoload -Uz compinit; compinit -D\n${script}
print -r -- $_comps[cri-containerd]\n`,
    );
    assert.equal(output.trim(), "_cri_containerd");
  },
});

Deno.test("every command and every option is in the man page and in all completion scripts", () => {
  const texts = [
    manPage(tree).replaceAll("\\-", "-"),
    completionScript("bash", tree),
    completionScript("zsh", tree),
    completionScript("fish", tree).replaceAll("-l ", "--"),
  ];
  const leaves = allCommands(tree).filter(({ commands }) => commands.length === 0);
  assert.ok(leaves.length > 10);
  for (const { path, options } of leaves) {
    for (const text of texts) {
      assert.ok(text.includes(path), path);
      for (const { flag } of options) assert.ok(text.includes(flag), `${path} ${flag}`);
    }
  }
});

const man = await findProgram("groff");

Deno.test({
  ...skipUnless(man !== undefined, "no groff here")("groff finds nothing wrong in the man page"),
  fn: async () => {
    const page = await feed("groff", ["-ww", "-man", "-Tascii", "-P-cbou"], manPage(tree));
    assert.match(page, /NAME\n +cri-containerd - The Kubernetes CRI daemon/);
    assert.match(page, /images pull <IMAGE...>\n/);
  },
});

Deno.test("commandTree() takes arguments and options as commander knows them", () => {
  const program = new Command("x").description("does x");
  program.command("a <FILE...>").description("does a").option("--b <DIR>", "the b");
  const [a] = commandTree(program).commands;
  assert.equal(a?.path, "a");
  assert.equal(a.args, "<FILE...>");
  assert.deepEqual(a.options[0], { flag: "--b", argument: "DIR", meaning: "the b" });
});
