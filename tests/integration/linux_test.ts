/** Namespaces, mounts and files on a real kernel, as root. */
import assert from "node:assert/strict";
import { LIBC_PATHS, openLibc } from "../../src/linux/libc.ts";
import { type Linux, linuxOn } from "../../src/linux/linux.ts";
import { SERVER_SYMBOLS } from "../../src/linux/symbols.ts";

const libc = openLibc(SERVER_SYMBOLS);
const linux: Linux = linuxOn(libc);

async function run(command: string, ...args: string[]): Promise<string> {
  const output = await new Deno.Command(command, { args }).output();
  return new TextDecoder().decode(output.stdout);
}

const hostNetns = () => Deno.readLinkSync("/proc/thread-self/ns/net");

/** A folder; afterwards nothing may be mounted in it. */
function linuxTest(name: string, body: (dir: string) => Promise<void> | void): void {
  Deno.test(name, async () => {
    const dir = await Deno.makeTempDir({ prefix: "linux-test-" });
    const before = hostNetns();
    try {
      await body(dir);
      assert.deepEqual(linux.mountsUnder(dir), []);
      assert.equal(hostNetns(), before);
    } finally {
      for (const path of linux.mountsUnder(dir).reverse()) linux.unmount(path);
      await Deno.remove(dir, { recursive: true });
    }
  });
}

linuxTest("pinNetns() pins a namespace with its loopback up, and comes back", async (dir) => {
  const path = `${dir}/netns/cri-1`;
  linux.pinNetns(path);
  assert.equal((Deno.statSync(`${dir}/netns`).mode ?? 0) & 0o777, 0o755);
  assert(linux.isNetns(path));
  assert.notEqual(Deno.statSync(path).ino, Deno.statSync("/proc/self/ns/net").ino);
  const links = await run("nsenter", `--net=${path}`, "ip", "-o", "addr", "show");
  assert.match(links, /lo\s+inet 127\.0\.0\.1\/8/);
  assert.equal(links.trim().split("\n").filter((line) => !/\blo\b/.test(line)).length, 0);
  assert.match(await run("nsenter", `--net=${path}`, "ip", "link", "show", "lo"), /[<,]UP[,>]/);
  linux.unpinNetns(path);
  assert(!linux.isNetns(path));
  linux.unpinNetns(path);
});

linuxTest("pinNetns() refuses a path that is taken, and leaves it alone", (dir) => {
  const path = `${dir}/cri-1`;
  linux.pinNetns(path);
  const { ino } = Deno.statSync(path);
  assert.throws(() => linux.pinNetns(path), { kind: "alreadyExists" });
  assert.equal(Deno.statSync(path).ino, ino);
  linux.unpinNetns(path);
});

linuxTest("pinNetns() leaves nothing and is at home when a call inside fails", (dir) => {
  for (const call of ["socket", "ioctl", "mount"] as const) {
    // Reads errno of whatever failed last; the kind doesn't matter here.
    const broken = linuxOn({ ...libc, [call]: () => -1 });
    assert.throws(() => broken.pinNetns(`${dir}/cri-2`), /Cannot pin a network namespace/);
    assert.deepEqual([...Deno.readDirSync(dir)], [], call);
  }
});

linuxTest(
  "pinNetnsOf() pins the namespace of a process, which lives on without it",
  async (dir) => {
    const path = `${dir}/netns/cri-3`;
    // With a user namespace around it, as the runtime makes it for a pod that has one.
    const child = new Deno.Command("unshare", {
      args: ["--user", "--map-root-user", "--net", "sh", "-c", "echo in; exec sleep 60"],
      stdout: "piped",
    }).spawn();
    for await (const _ of child.stdout) break;
    const { ino } = Deno.statSync(`/proc/${child.pid}/ns/net`);
    linux.pinNetnsOf(child.pid, path);
    child.kill();
    await child.status;
    assert(linux.isNetns(path));
    assert.equal(Deno.statSync(path).ino, ino);
    linux.unpinNetns(path);
  },
);

linuxTest("pinNetnsOf() leaves nothing for a process that is gone", (dir) => {
  // Above the kernel's largest pid.
  assert.throws(() => linux.pinNetnsOf(2 ** 23, `${dir}/cri-4`), { kind: "notFound" });
  assert.deepEqual([...Deno.readDirSync(dir)], []);
});

linuxTest("200 namespaces are pinned and unpinned quickly", (dir) => {
  const started = performance.now();
  for (let n = 0; n < 200; n++) linux.pinNetns(`${dir}/${n}`);
  assert.equal(linux.mountsUnder(dir).length, 200);
  for (let n = 0; n < 200; n++) linux.unpinNetns(`${dir}/${n}`);
  assert(performance.now() - started < 20_000);
});

linuxTest("mountTmpfs() sets size, mode and safe flags", async (dir) => {
  linux.mountTmpfs(dir, { sizeBytes: 65_536n, mode: 0o1777 });
  const line = (await run("findmnt", "-no", "FSTYPE,OPTIONS", dir)).trim();
  assert.match(line, /^tmpfs\s+rw,nosuid,nodev,noexec,relatime,size=64k/);
  assert.equal((Deno.statSync(dir).mode ?? 0) & 0o7777, 0o1777);
  assert.equal(linux.statfs(dir).totalBytes, 65_536n);
  linux.unmount(dir);
  linux.unmount(dir);
  linux.unmount(`${dir}/nothing`);
});

linuxTest("what is gone is gone, whatever the engine has made of errno meanwhile", (dir) => {
  const EAGAIN = 11;
  const spoiled: typeof libc = {
    ...libc,
    copyOut: (into, from, size) => {
      const result = libc.copyOut(into, from, size);
      if (into instanceof Int32Array) into[0] = EAGAIN;
      return result;
    },
  };
  const other = linuxOn(spoiled);
  other.unmount(`${dir}/nothing`);
  other.unmount(dir);
  other.unpinNetns(`${dir}/nothing`);
  linux.mountTmpfs(`${dir}`);
  other.unmount(dir);
});

linuxTest("unmount() takes mounts over mounts away", (dir) => {
  for (let n = 0; n < 3; n++) linux.mountTmpfs(dir, { sizeBytes: 65_536n });
  assert.equal(linux.mountsUnder(dir).length, 3);
  linux.unmount(dir);
});

linuxTest("bindMount() with readonly is read-only", (dir) => {
  Deno.mkdirSync(`${dir}/a`);
  Deno.mkdirSync(`${dir}/b`);
  Deno.writeTextFileSync(`${dir}/a/file`, "x");
  linux.bindMount(`${dir}/a`, `${dir}/b`, { readonly: true });
  assert.equal(Deno.readTextFileSync(`${dir}/b/file`), "x");
  assert.throws(() => Deno.writeTextFileSync(`${dir}/b/file`, "y"), /os error 30/);
  linux.unmount(`${dir}/b`);
});

linuxTest("mountAll() mounts an overlay of more layers than a page of options names", (dir) => {
  // overlayfs can't lie on overlayfs, and on some hosts the temporary folder is one.
  linux.mountTmpfs(dir);
  const layers: string[] = [];
  for (let n = 0; n < 100; n++) {
    const layer = `${dir}/${"long-folder-name-".repeat(4)}${n}`;
    Deno.mkdirSync(layer);
    Deno.writeTextFileSync(`${layer}/file${n}`, `${n}`);
    layers.push(layer);
  }
  const [upper, work, target] = [`${dir}/u`, `${dir}/w`, `${dir}/t`];
  for (const path of [upper, work, target]) Deno.mkdirSync(path);
  const options = [`upperdir=${upper}`, `workdir=${work}`, `lowerdir=${layers.join(":")}`];
  linux.mountAll([{ type: "overlay", source: "overlay", options }], target);
  assert.equal(Deno.readTextFileSync(`${target}/file99`), "99");
  Deno.writeTextFileSync(`${target}/new`, "x");
  assert.equal(Deno.readTextFileSync(`${upper}/new`), "x");
  linux.unmount(target);
  linux.unmount(dir);
});

linuxTest("mountAll() takes back what it mounted when a later one fails", (dir) => {
  const good = { type: "tmpfs", source: "tmpfs", options: ["size=64k"] };
  const bad = { type: "nosuchfs", source: "none", options: [] };
  assert.throws(() => linux.mountAll([good, bad], dir), { kind: "failedPrecondition" });
  assert.throws(() => linux.mountAll([{ ...good, target: "../x" }], dir), {
    kind: "invalidArgument",
  });
});

linuxTest("readInRoot() follows links inside the root only", async (dir) => {
  const root = `${dir}/root`;
  Deno.mkdirSync(`${root}/etc/real`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/secret`, "outside");
  Deno.writeTextFileSync(`${root}/secret`, "inside");
  Deno.writeTextFileSync(`${root}/etc/real/passwd`, "root:x:0:0");
  Deno.symlinkSync("/etc/real/passwd", `${root}/etc/passwd`);
  Deno.symlinkSync("../../../../secret", `${root}/etc/up`);
  Deno.symlinkSync(`${dir}/secret`, `${root}/etc/absolute`);
  Deno.symlinkSync("/etc/loop", `${root}/etc/loop`);
  await run("mkfifo", `${root}/etc/fifo`);
  const read = (path: string, max = 100) => linux.readInRoot(root, path, max);
  assert.equal(await read("/etc/passwd"), "root:x:0:0");
  assert.equal(await read("/etc/up"), "inside");
  assert.equal(await read("/etc/absolute"), undefined);
  assert.equal(await read("/../../secret"), "inside");
  assert.equal(await read("/etc/fifo"), undefined);
  assert.equal(await read("/etc"), undefined);
  assert.equal(await read("/etc/passwd/x"), undefined);
  assert.equal(await read("/nothing"), undefined);
  await assert.rejects(read("/etc/loop"), { kind: "failedPrecondition" });
  await assert.rejects(read("/etc/passwd", 3), { kind: "resourceExhausted" });
});

linuxTest("readFileIfAny() reads small files and large ones, and misses none", async (dir) => {
  const path = `${dir}/file`;
  // Characters of two bytes, so that a part may end within one.
  for (const length of [0, 1, 32_767, 32_768, 32_769, 100_000]) {
    const text = `a${"ö".repeat(length)}`;
    await Deno.writeTextFile(path, text);
    assert.equal(linux.readFileIfAny(path), text, String(length));
  }
  assert.equal(linux.readFileIfAny(`${dir}/none`), undefined);
  assert.equal(linux.readFileIfAny(dir), undefined, "a folder");
});

linuxTest(
  "readFile(), listFolder(), devices() and capabilities tell what the node tells",
  (dir) => {
    assert.equal(linux.readFile("/proc/sys/kernel/ostype"), "Linux\n");
    assert.throws(() => linux.readFile(`${dir}/none`), { kind: "notFound" });
    for (const name of ["a", "ü b", "c".repeat(200)]) Deno.writeTextFileSync(`${dir}/${name}`, "");
    const names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
    assert.deepEqual(linux.listFolder(dir).sort(), names.sort());
    const zero = {
      path: "/dev/zero",
      type: "c",
      major: 1,
      minor: 5,
      fileMode: 0o666,
      uid: 0,
      gid: 0,
    };
    assert.deepEqual(linux.devicesAt("/dev/zero"), [zero]);
    assert.deepEqual(linux.devices().find((node) => node.path === "/dev/zero"), zero);
    assert.deepEqual(linux.devicesAt(dir), []);
    assert(linux.effectiveCapabilities().has("CAP_SYS_ADMIN"));
  },
);

/** A Worker from text: the imports of `code` are by URL. */
function workerOf(code: string, permissions: Deno.PermissionOptionsObject): Worker {
  const url = URL.createObjectURL(new Blob([code], { type: "text/typescript" }));
  return new Worker(url, { type: "module", deno: { permissions } });
}

const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

Deno.test("A thread that can't return from a namespace ends its Worker, caught or not", async () => {
  const path = await Deno.makeTempDir({ prefix: "linux-test-" });
  const worker = workerOf(
    `import { openLibc } from ${source("linux/libc.ts")};
     import { linuxOn } from ${source("linux/linux.ts")};
     import { SERVER_SYMBOLS } from ${source("linux/symbols.ts")};
     const linux = linuxOn({ ...openLibc(SERVER_SYMBOLS), setns: () => -1 });
     try { linux.pinNetns(${JSON.stringify(`${path}/lost`)}); } catch {}
     setTimeout(() => postMessage("alive"), 1000);`,
    { read: true, write: true, ffi: true, env: true },
  );
  const outcome = await new Promise<string>((resolve) => {
    worker.addEventListener("message", (event) => resolve(String(event.data)));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      resolve(event.message);
    });
  });
  worker.terminate();
  linux.unpinNetns(`${path}/lost`);
  await Deno.remove(path, { recursive: true });
  assert.match(outcome, /can't return to the node's network/);
});

Deno.test("openLinux() works in a Worker that may nothing else, and closes the door", async () => {
  const worker = workerOf(
    `import { openLinux } from ${source("linux/linux.ts")};
     import { LIBC_PATHS } from ${source("linux/libc.ts")};
     const linux = openLinux();
     const refused = LIBC_PATHS.map((path) => {
       try { Deno.dlopen(path, { getpid: { parameters: [], result: "i32" } }); return "opened"; }
       catch (error) { return error instanceof Error ? error.name : ""; }
     });
     postMessage({ refused, mounts: linux.mountsUnder("/").length });`,
    { read: false, write: false, net: false, run: false, env: false, ffi: [...LIBC_PATHS] },
  );
  const { refused, mounts } = await new Promise<{ refused: string[]; mounts: number }>(
    (resolve, reject) => {
      worker.addEventListener("message", (event) => resolve(event.data));
      worker.addEventListener("error", (event) => reject(new Error(event.message)));
    },
  );
  worker.terminate();
  assert.deepEqual(new Set(refused), new Set(["NotCapable"]));
  assert(mounts > 0, "libc reads what Deno doesn't open");
});
