/**
 * Labels of files on the real kernel, as root. A node without SELinux keeps them as it keeps any
 * attribute, which is enough to see whose they are set.
 */
import assert from "node:assert/strict";
import { fileLabelsOn } from "../../src/linux/file_labels.ts";
import { type LabelLibc, openLibc } from "../../src/linux/libc.ts";
import { LABEL_SYMBOLS, SERVER_SYMBOLS } from "../../src/linux/symbols.ts";
import { linuxOn } from "../../src/linux/linux.ts";
import { sh } from "../world/sh.ts";

const libc = openLibc(LABEL_SYMBOLS);
const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";
const OTHER = "system_u:object_r:var_lib_t:s0";
const never = new AbortController().signal;

/** On a disk: what is in memory is bound over it. */
async function folder(): Promise<{ dir: string } & AsyncDisposable> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "cri-labels-" }));
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

const READ =
  'import os,sys\nfor p in sys.argv[1:]:\n try: print(os.getxattr(p,"security.selinux",' +
  'follow_symlinks=False).rstrip(b"\\0").decode())\n except OSError: print("none")';

async function labelsOf(...paths: string[]): Promise<string[]> {
  return (await sh("python3", "-c", READ, ...paths)).trim().split("\n");
}

/** Calls of setxattr are counted, and fail where `fails` says so. */
function watched(fails: () => number = () => 0): { libc: LabelLibc; calls: { count: number } } {
  const calls = { count: 0 };
  const setxattr: LabelLibc["setxattr"] = (...args) => {
    calls.count++;
    return fails() < 0 ? -1 : libc.setxattr(...args);
  };
  return { libc: { ...libc, setxattr }, calls };
}

Deno.test("relabel() labels a folder with all below it, links themselves and the top last", async () => {
  await using at = await folder();
  const volume = `${at.dir}/volume`;
  await Deno.mkdir(`${volume}/a/b`, { recursive: true });
  await Deno.writeTextFile(`${volume}/a/b/file`, "");
  await Deno.writeTextFile(`${at.dir}/outside`, "");
  await Deno.symlink("../outside", `${volume}/link`);
  await Deno.symlink("/nowhere", `${volume}/a/lost`);
  await sh("mkfifo", `${volume}/fifo`);
  await fileLabelsOn(libc).relabel(volume, LABEL, never);
  const inside = ["", "/a", "/a/b", "/a/b/file", "/link", "/a/lost", "/fifo"];
  const labels = await labelsOf(...inside.map((path) => `${volume}${path}`));
  assert.deepEqual(labels, inside.map(() => LABEL));
  // CVE-2021-43816: what a link leads to is not the volume's.
  assert.deepEqual(await labelsOf(`${at.dir}/outside`, at.dir), ["none", "none"]);
});

Deno.test("relabel() does nothing where the top has the label already", async () => {
  await using at = await folder();
  await Deno.writeTextFile(`${at.dir}/file`, "");
  await fileLabelsOn(libc).relabel(at.dir, LABEL, never);
  await Deno.writeTextFile(`${at.dir}/new`, "");
  const { libc: counted, calls } = watched();
  await fileLabelsOn(counted).relabel(at.dir, LABEL, never);
  assert.equal(calls.count, 0);
  assert.deepEqual(await labelsOf(`${at.dir}/new`), ["none"]);
});

Deno.test("relabel() of a volume that was begun goes on with what hasn't the label", async () => {
  await using at = await folder();
  for (const name of ["a", "b", "c"]) await Deno.writeTextFile(`${at.dir}/${name}`, "");
  const files = fileLabelsOn(libc);
  files.label(at.dir, OTHER);
  files.label(`${at.dir}/a`, LABEL);
  files.label(`${at.dir}/b`, LABEL);
  const { libc: counted, calls } = watched();
  await fileLabelsOn(counted).relabel(at.dir, LABEL, never);
  // The top is tried first, then c and the top.
  assert.equal(calls.count, 3);
  assert.deepEqual(await labelsOf(`${at.dir}/c`, at.dir), [LABEL, LABEL]);
});

Deno.test("relabel() leaves what is mounted below a volume alone", async () => {
  await using at = await folder();
  const linux = linuxOn(openLibc(SERVER_SYMBOLS));
  for (const name of ["volume/mounted", "elsewhere"]) {
    await Deno.mkdir(`${at.dir}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${at.dir}/elsewhere/file`, "");
  // Of the same file system: its number alone wouldn't tell.
  linux.bindMount(`${at.dir}/elsewhere`, `${at.dir}/volume/mounted`);
  try {
    await fileLabelsOn(libc).relabel(`${at.dir}/volume`, LABEL, never);
    const paths = [`${at.dir}/elsewhere`, `${at.dir}/elsewhere/file`, `${at.dir}/volume`];
    assert.deepEqual(await labelsOf(...paths), ["none", "none", LABEL]);
  } finally {
    linux.unmount(`${at.dir}/volume/mounted`);
  }
});

Deno.test("relabel() ends where it is when its caller goes away, the top unlabelled", async () => {
  await using at = await folder();
  for (let n = 0; n < 3; n++) await Deno.writeTextFile(`${at.dir}/${n}`, "");
  const caller = new AbortController();
  const { libc: watching } = watched(() => {
    caller.abort(new Error("gone"));
    return 0;
  });
  await assert.rejects(fileLabelsOn(watching).relabel(at.dir, LABEL, caller.signal), /gone/);
  assert.deepEqual(await labelsOf(at.dir), ["none"]);
});

Deno.test("relabel() of a file system without labels changes nothing and is no error", async () => {
  // The kernel's own files take none.
  await fileLabelsOn(libc).relabel("/proc/sys/kernel/ostype", LABEL, never);
});

Deno.test("relabel() names a path that isn't there", async () => {
  await using at = await folder();
  await assert.rejects(
    fileLabelsOn(libc).relabel(`${at.dir}/lost`, LABEL, never),
    /Cannot relabel .*\/lost: ENOENT/,
  );
});

Deno.test("label() labels one file, and a link instead of what it leads to", async () => {
  await using at = await folder();
  await Deno.writeTextFile(`${at.dir}/file`, "");
  await Deno.symlink("file", `${at.dir}/link`);
  const files = fileLabelsOn(libc);
  files.label(`${at.dir}/link`, LABEL);
  assert.deepEqual(await labelsOf(`${at.dir}/link`, `${at.dir}/file`), [LABEL, "none"]);
  files.label(`${at.dir}/file`, OTHER);
  assert.deepEqual(await labelsOf(`${at.dir}/file`), [OTHER]);
});

Deno.test("no call that labels files is among what the server has without SELinux", () => {
  assert.deepEqual(Object.keys(SERVER_SYMBOLS).filter((name) => name.includes("xattr")), []);
  assert.ok(Object.keys(LABEL_SYMBOLS).includes("setxattr"));
});
