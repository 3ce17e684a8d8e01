/** What no file of the project may say, shell scripts, and whether documents point somewhere. */
import assert from "node:assert/strict";
import { skipUnless } from "../world/skip.ts";
import { ROOT } from "./source.ts";

/** Folders that aren't the project: git's own, and what git ignores. */
const FOREIGN = [".git", ".tools", "dist", "node_modules"];

const files = await textFiles("");
const documents = files.filter(({ path }) => path.endsWith(".md"));
const scripts = files.filter(({ path, text }) => path.endsWith(".sh") || /^#!.*sh\n/.test(text));

interface TextFile {
  readonly path: string;
  readonly text: string;
}

async function textFiles(folder: string): Promise<TextFile[]> {
  const found: TextFile[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}${name}`;
    if (isDirectory && !FOREIGN.includes(name)) found.push(...await textFiles(`${path}/`));
    if (isFile) found.push({ path, text: await Deno.readTextFile(`${ROOT}${path}`) });
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** Places where a pattern is found, as `path:line: what`. */
function find(among: readonly TextFile[], pattern: RegExp): string[] {
  return among.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      const [match] = pattern.exec(line) ?? [];
      return match === undefined ? [] : [`${path}:${index + 1}: ${match}`];
    })
  );
}

/** In two parts, so that this list isn't found by its own test. */
const REGISTRY_HOSTS = ([
  ["registry.npmjs", "org"],
  ["registry.yarnpkg", "com"],
  ["npm.jsr", "io"],
  ["proxy.golang", "org"],
  ["sum.golang", "org"],
  ["pypi", "org"],
  ["pythonhosted", "org"],
  ["crates", "io"],
  ["deb.debian", "org"],
  ["archive.ubuntu", "com"],
  ["repo.maven.apache", "org"],
] as const).map((parts) => parts.join("."));

Deno.test("no file names the host of a package registry, so that mirrors work", () => {
  const pattern = new RegExp(REGISTRY_HOSTS.map((host) => host.replaceAll(".", "\\.")).join("|"));
  assert.ok(files.some(({ path }) => path === "deno.lock"));
  assert.deepEqual(find(files, pattern), []);
  const lock = [{ path: "x.lock", text: `\n"https://${REGISTRY_HOSTS[0]}/x"` }];
  assert.deepEqual(find(lock, pattern), [`x.lock:2: ${REGISTRY_HOSTS[0]}`]);
});

Deno.test("no command takes all permissions by a flag", () => {
  const flags = ["-A", "--allow-all"].join("|");
  const pattern = new RegExp(`deno["', ]+(run|test|compile|bench)\\b.*["' ](${flags})(?![\\w-])`);
  assert.deepEqual(find(files, pattern), []);
  const bad = [{ path: "x.sh", text: `deno run -q ${flags.slice(0, 2)} main.ts` }];
  assert.equal(find(bad, pattern).length, 1);
});

const shellcheck = await new Deno.Command("shellcheck", { args: ["--version"], stdout: "null" })
  .output().then(({ success }) => success, () => false);

Deno.test({
  ...skipUnless(shellcheck, "no shellcheck here")("shellcheck finds nothing in any script"),
  fn: async () => {
    const paths = scripts.map(({ path }) => path);
    assert.ok(paths.includes("dev") && paths.includes(".ci/run"), `${paths}`);
    const { stdout } = await new Deno.Command("shellcheck", { args: paths, cwd: ROOT }).output();
    assert.equal(new TextDecoder().decode(stdout), "");
  },
});

Deno.test("links between documents lead to files", async () => {
  const dead: string[] = [];
  for (const { path, text } of documents) {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (!await exists(`${ROOT}${folder}${target}`)) dead.push(`${path}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

Deno.test("files and folders that documents name are there", async () => {
  const missing: string[] = [];
  for (const { path, text } of documents) {
    for (const [, name = ""] of text.matchAll(/`((?:src|tests|proto|docs)\/[\w./-]*)`/g)) {
      if (!await exists(`${ROOT}${name}`)) missing.push(`${path}: ${name}`);
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("commands of ./dev that documents name are there", async () => {
  const { stdout } = await new Deno.Command(`${ROOT}dev`, { args: ["help"] }).output();
  const help = new TextDecoder().decode(stdout);
  const named = documents.flatMap(({ text }) => [...text.matchAll(/\.\/dev ([a-z]+)/g)]);
  assert.ok(named.length > 3);
  for (const [whole, name] of named) {
    assert.match(help, new RegExp(`^\\./dev ${name}\\b`, "m"), whole);
  }
});

Deno.test("src/README.md has a line for every folder of src and for no other", async () => {
  const text = documents.find(({ path }) => path === "src/README.md")?.text ?? "";
  const named = [...text.matchAll(/^\| `([a-z]+)\/` +\|/gm)].map(([, name]) => name).sort();
  const entries = await Array.fromAsync(Deno.readDir(`${ROOT}src`));
  const folders = entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  assert.deepEqual(named, folders.sort());
});

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
