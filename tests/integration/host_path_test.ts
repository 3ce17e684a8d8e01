/** Paths of the node that containers mount, and files of images, on the real kernel. */
import assert from "node:assert/strict";
import { isKind } from "../../src/base/errors.ts";
import { findInRoot } from "../../src/linux/in_root.ts";
import { resolveHostPath } from "../../src/linux/host_path.ts";
import { openLibc } from "../../src/linux/libc.ts";
import { SERVER_SYMBOLS } from "../../src/linux/symbols.ts";

const libc = openLibc(SERVER_SYMBOLS);

/** A folder of the test's own, without links in its own path. */
async function folder(): Promise<{ dir: string } & AsyncDisposable> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "cri-path-" }));
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("resolveHostPath() follows links of the node, to files, folders and sockets", async () => {
  await using at = await folder();
  await Deno.mkdir(`${at.dir}/real`);
  await Deno.writeTextFile(`${at.dir}/real/file`, "");
  await Deno.symlink("real", `${at.dir}/link`);
  await Deno.symlink(`${at.dir}/link/file`, `${at.dir}/other`);
  using socket = Deno.listen({ transport: "unix", path: `${at.dir}/real/socket` });
  assert.ok(socket.addr);
  const cases = [
    ["real", "real"],
    ["link", "real"],
    ["link/file", "real/file"],
    ["other", "real/file"],
    ["link/../real/./file", "real/file"],
    ["link/socket", "real/socket"],
  ];
  for (const [path, real] of cases) {
    assert.equal(await resolveHostPath(libc, `${at.dir}/${path}`), `${at.dir}/${real}`);
  }
});

Deno.test("resolveHostPath() makes a folder where nothing is, once for all who ask", async () => {
  await using at = await folder();
  const path = `${at.dir}/new/deep er`;
  const found = await Promise.all([1, 2, 3].map(() => resolveHostPath(libc, path)));
  assert.deepEqual(found, [path, path, path]);
  assert.ok((await Deno.lstat(path)).isDirectory);
});

Deno.test("resolveHostPath() says which path can't be, and makes nothing", async () => {
  await using at = await folder();
  await Deno.writeTextFile(`${at.dir}/file`, "");
  await Deno.symlink("nowhere", `${at.dir}/dangling`);
  for (const path of [`${at.dir}/file/below`, `${at.dir}/dangling`]) {
    const refused = (error: unknown) =>
      isKind(error, "failedPrecondition") && error.message.startsWith(path);
    await assert.rejects(resolveHostPath(libc, path), refused);
  }
  const names = await Array.fromAsync(Deno.readDir(at.dir), ({ name }) => name);
  assert.deepEqual(names.sort(), ["dangling", "file"]);
});

Deno.test("findInRoot() follows links inside the root only", async () => {
  await using at = await folder();
  await Deno.mkdir(`${at.dir}/etc`);
  await Deno.symlink("/etc", `${at.dir}/absolute`);
  await Deno.symlink("../../../../etc", `${at.dir}/relative`);
  await Deno.symlink("loop", `${at.dir}/loop`);
  assert.equal(findInRoot(libc, at.dir, "/absolute"), `${at.dir}/etc`);
  assert.equal(findInRoot(libc, at.dir, "relative/../../.."), at.dir);
  assert.equal(findInRoot(libc, at.dir, "/relative/hostname"), undefined);
  assert.throws(() => findInRoot(libc, at.dir, "/loop"), /Too many links/);
});
