/**
 * What can be held of an executable without the runtime that it is put behind: how it is compiled,
 * that everything it loads is in it, and the release around it. Deno's part before the code is
 * stood in for by another program, whose result never runs.
 */
import assert from "node:assert/strict";
import { compileArguments, explainFailure, releaseName } from "../../packaging/compile/plan.ts";
import { parseOptions } from "../../packaging/compile/options.ts";
import { packRelease, stampInstaller, sumsOf } from "../../packaging/compile/release.ts";
import { ENTRIES } from "../../src/supervisor/compartments.ts";
import { readSource, ROOT, shippedFiles, visit } from "../check/source.ts";
import { sh } from "../world/sh.ts";

Deno.test("compileArguments() include every compartment and take permissions from deno.json", () => {
  const args = compileArguments("x86_64", "/dist/x");
  const included = args.flatMap((arg) => /^--include=(.*)$/.exec(arg)?.[1] ?? []);
  const entries = Object.values(ENTRIES).map(({ pathname }) => pathname.slice(ROOT.length));
  assert.deepEqual(included.sort(), entries.sort());
  assert.ok(args.includes("--permission-set=default"));
  assert.deepEqual(args.filter((arg) => /^(?:-A|--allow)/.test(arg)), []);
  assert.equal(args.at(-1), "main.ts");
});

Deno.test("deno compile puts all shipped code into the executable", async () => {
  const dir = await Deno.makeTempDir({ prefix: "cri-compile-" });
  try {
    const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
      args: compileArguments("x86_64", `${dir}/out`),
      cwd: ROOT,
      env: { DENORT_BIN: "/bin/busybox", NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    const output = `${decoder.decode(stdout)}${decoder.decode(stderr)}`;
    assert.equal(code, 0, output);
    const there = [...output.matchAll(/([\w.]+\.ts) \(/g)].map(([, name]) => name ?? "");
    // A folder of which every file is in it is one line.
    const whole = [...output.matchAll(/─ ([\w/.-]+)\/\* \(/g)].map(([, folder]) =>
      `src/${folder}/`
    );
    const wanted = (await loadedFiles())
      .filter((path) => !whole.some((folder) => path.startsWith(folder)))
      .map((path) => path.split("/").at(-1) ?? "");
    assert.ok(wanted.length > 200);
    // By name and number: what deno prints is a tree.
    const missing = [...count(wanted)].filter(([name, n]) => (count(there).get(name) ?? 0) < n);
    assert.deepEqual(missing, []);
    const args = ["-c", "permissions", `${dir}/out`];
    assert.notEqual((await sh("grep", ...args)).trim(), "0", "the permissions are in it");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** Shipped files that hold more than types: nothing loads the others. */
async function loadedFiles(): Promise<string[]> {
  const loaded: string[] = [];
  for (const path of await shippedFiles()) {
    visit(path, await readSource(path), () => ({
      Program({ body }) {
        if (!body.every(isTypeOnly)) loaded.push(path);
      },
    }));
  }
  return loaded;
}

function isTypeOnly(statement: Deno.lint.Program["body"][number]): boolean {
  if (statement.type !== "ExportNamedDeclaration") {
    return ["ImportDeclaration", "TSInterfaceDeclaration", "TSTypeAliasDeclaration"]
      .includes(statement.type);
  }
  const { declaration, exportKind } = statement;
  if (declaration === null) return exportKind === "type";
  return ["TSInterfaceDeclaration", "TSTypeAliasDeclaration"].includes(declaration.type);
}

function count(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

Deno.test("no shipped code imports by a computed path or reads its own sources", async () => {
  const wrong: string[] = [];
  for (const path of await shippedFiles()) {
    const text = await readSource(path);
    visit(path, text, (context) => ({
      ImportExpression(node) {
        const source = context.sourceCode.getText(node.source);
        if (!/^"[^"]+"$/.test(source)) wrong.push(`${path}: import(${source})`);
      },
      MemberExpression(node) {
        const use = context.sourceCode.getText(node);
        if (!/^import\.meta\.(?!url$)/.test(use)) return;
        wrong.push(`${path}: ${use}`);
      },
    }));
    const urls = text.split("\n").filter((line) => line.includes("import.meta.url"));
    for (const line of urls) {
      // A Worker's entry, which --include puts into the executable.
      if (/^ {2}\w+: new URL\("\.\.\/compartments\/\w+\.ts", import\.meta\.url\),$/.test(line)) {
        continue;
      }
      wrong.push(`${path}: ${line.trim()}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("explainFailure() tells a denort that can't be had from a mistake in the code", () => {
  const o = { arch: "aarch64", deno: "2.9.6" } as const;
  const offline = explainFailure({
    ...o,
    stderr: "error: client error (Connect)\n  tcp connect error",
    denort: undefined,
  });
  assert.match(offline, /denort, the runtime of Deno 2\.9\.6 for aarch64-unknown-linux-gnu/);
  assert.match(offline, /DENORT_BIN is not set/);
  const wrong = explainFailure({ ...o, stderr: "Could not find denort at '/x'", denort: "/x" });
  assert.match(wrong, /DENORT_BIN names \/x/);
  const broken = explainFailure({ ...o, stderr: "error: Expected ';'", denort: undefined });
  assert.equal(broken, "deno compile failed:\nerror: Expected ';'");
});

Deno.test("parseOptions() knows processors, folders and where releases lie", () => {
  const none = { targets: ["x86_64"], output: "dist", url: "" };
  assert.deepEqual(parseOptions([], "x86_64"), none);
  const both = ["--target", "x86_64", "--target=aarch64", "--url", "https://x/releases/"];
  assert.deepEqual(parseOptions(both, "x86_64"), {
    targets: ["x86_64", "aarch64"],
    output: "dist",
    url: "https://x/releases",
  });
  assert.equal(parseOptions(["--help"], "x86_64"), "help");
  assert.throws(() => parseOptions(["--target", "mips"], "x86_64"), /only for x86_64 and aarch64/);
  assert.throws(() => parseOptions(["--url", "https://x/$(y)"], "x86_64"), /--url/);
});

Deno.test("packRelease() gives the same bytes for the same files, which sha256sum and tar take", async () => {
  const files = [
    { path: "cri-containerd", body: new TextEncoder().encode("program"), mode: 0o755 },
    { path: "LICENSE", body: "free", mode: 0o644 },
  ];
  const name = releaseName("1.2.3", "x86_64");
  const release = await packRelease(name, files);
  assert.deepEqual(await packRelease(name, files.toReversed()), release);
  const dir = await Deno.makeTempDir({ prefix: "cri-release-" });
  try {
    await Deno.writeFile(`${dir}/r.tar.gz`, release);
    const listed = await sh("tar", "-tvzf", `${dir}/r.tar.gz`);
    assert.match(listed, /-rwxr-xr-x .* 1970-01-01 .*cri-containerd-1\.2\.3-linux-x86_64\/cri-/);
    await sh("tar", "-xzf", `${dir}/r.tar.gz`, "-C", dir);
    await sh("sh", "-c", `cd ${dir}/${name} && sha256sum --check --strict sha256sums`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("sumsOf() writes what sha256sum writes", async () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(await sumsOf([{ name: "a", body: "" }]), `${empty}  a\n`);
});

Deno.test("stampInstaller() writes the place of releases and the version into install.sh", async () => {
  const text = await Deno.readTextFile(`${ROOT}install.sh`);
  const stamped = stampInstaller(text, { url: "https://x/releases", version: "9.9.9" });
  assert.match(stamped, /^RELEASES_URL="https:\/\/x\/releases"$/m);
  assert.match(stamped, /^RELEASE_VERSION="9\.9\.9"$/m);
  assert.equal(stamped.split("\n").length, text.split("\n").length);
});
