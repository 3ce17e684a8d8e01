/** What containers mount: paths of the node, images, and the volumes of their own image. */
import assert from "node:assert/strict";
import { busyboxFiles, testImage } from "../fakes/test_image.ts";
import type { Json } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { skipUnless } from "../world/skip.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image, registry } = await sharedNode();
await crictl("pull", image);

const ODD = "odd place/with blanks";
registry.addImage(
  "volumes:1",
  testImage({
    layers: [[
      ...await busyboxFiles(),
      { path: "data/", mode: 0o1770, uid: 1000, gid: 2000, content: "" },
      { path: "data/file", mode: 0o640, uid: 1001, gid: 2001, content: "from the image" },
      { path: "data/tool", mode: 0o4755, content: "set-user-id" },
      { path: "data/sub/", mode: 0o750, uid: 7, content: "" },
      { path: "data/sub/deep", content: "deep" },
      { path: "data/up", uid: 9, gid: 9, symlinkTo: "../../../etc/shadow", content: "" },
      { path: `${ODD}/`, mode: 0o755, content: "" },
      { path: `${ODD}/here`, content: "odd" },
      { path: "outside", symlinkTo: "/../../../../../../etc", content: "" },
      { path: "root-only", mode: 0o600, content: "a file" },
    ]],
    config: {
      Env: ["PATH=/bin"],
      Volumes: {
        "/data": {},
        [`/${ODD}`]: {},
        "/none/yet": {},
        "/outside/volume": {},
        "/root-only": {},
        "data/../../../up": {},
      },
    },
  }),
);
const volumes = `${registry.host}/volumes:1`;
await crictl("pull", volumes);

registry.addImage(
  "content:1",
  testImage({
    layers: [
      [{ path: "models/one", content: "first" }, { path: "readme", content: "hello" }],
      [
        { path: "models/two", content: "second" },
        { path: "link", symlinkTo: "models", content: "" },
        { path: "escape", symlinkTo: "../../../../../etc", content: "" },
      ],
    ],
  }),
);
const content = `${registry.host}/content:1`;
await crictl("pull", content);

/** Creates a container with mounts in a pod of its own. */
async function create(name: string, mounts: Json[], more: { image?: string; command?: string[] }) {
  const { image: reference = image, ...rest } = more;
  const container = containerConfig("main", reference, { mounts, ...rest });
  return await pods.create(await pods.run(name), { pod: podConfig(daemon, name), container });
}

/** Runs a command with mounts to its end and gives what it printed. */
async function output(name: string, mounts: Json[], more: { image?: string; command: string[] }) {
  const container = await create(name, mounts, more);
  await crictl("start", container);
  const status = await eventually("its end", async () => {
    const { status } = await crictl.json("inspect", container);
    return status.state === "CONTAINER_EXITED" && status;
  });
  return { text: await Deno.readTextFile(`${daemon.logDir}/${name}/main.log`), status };
}

/** What one stream of a log says. Nobody promises an order between the two. */
function lines(text: string, stream: "stdout" | "stderr" = "stdout"): string[] {
  return text.trimEnd().split("\n").map((line) => line.split(" "))
    .filter(([, name]) => name === stream).map(([, , , ...words]) => words.join(" "));
}

Deno.test("a path that isn't there becomes a folder, and links are followed on the node", async () => {
  await Deno.mkdir(`${daemon.dir}/real`);
  await Deno.writeTextFile(`${daemon.dir}/real/file`, "content\n");
  await Deno.symlink("real", `${daemon.dir}/linked`);
  const { text } = await output("paths", [
    { host_path: `${daemon.dir}/new/deep`, container_path: "/new" },
    { host_path: `${daemon.dir}/linked`, container_path: "/linked", readonly: true },
  ], { command: ["sh", "-c", "echo made > /new/by; cat /linked/file; echo no > /linked/x"] });
  assert.match(text, /content/);
  assert.match(text, /Read-only file system/);
  assert.equal(await Deno.readTextFile(`${daemon.dir}/new/deep/by`), "made\n");
});

Deno.test("propagation that the node's mount can't give is refused by its name", async () => {
  const dir = `${daemon.dir}/private`;
  await Deno.mkdir(dir);
  const mount = (...args: string[]) => new Deno.Command("mount", { args }).output();
  await mount("-t", "tmpfs", "tmpfs", dir);
  await mount("--make-private", dir);
  for (const propagation of [1, 2]) {
    const refused = create(`propagation-${propagation}`, [
      { host_path: dir, container_path: "/m", propagation },
    ], {});
    await assert.rejects(refused, /config\.mounts\[0\]\.propagation: .* private mount of the node/);
  }
  await new Deno.Command("umount", { args: [dir] }).output();
});

Deno.test("mounts from the node to the container and back are seen on the other side", async () => {
  const dir = `${daemon.dir}/shared`;
  await Deno.mkdir(dir);
  const run = (program: string, ...args: string[]) => new Deno.Command(program, { args }).output();
  await run("mount", "-t", "tmpfs", "tmpfs", dir);
  await run("mount", "--make-shared", dir);
  await Deno.mkdir(`${dir}/later`);
  const container = await create("seen", [
    { host_path: dir, container_path: "/m", propagation: 1 },
  ], {});
  await crictl("start", container);
  await run("mount", "-t", "tmpfs", "tmpfs", `${dir}/later`);
  await Deno.writeTextFile(`${dir}/later/on-top`, "");
  const { stdout } = await crictl.attempt("exec", "--sync", container, "ls", "/m/later");
  assert.equal(stdout.trim(), "on-top");
  await crictl("stop", "--timeout", "0", container);
  for (const path of [`${dir}/later`, dir]) await run("umount", path);
});

Deno.test("volumes of an image hold what the image has there, with its owners and modes", async () => {
  const stat = "busybox stat -c '%n %u:%g %a'";
  const { text } = await output("volumes", [], {
    image: volumes,
    command: [
      "sh",
      "-c",
      `${stat} /data /data/file /data/tool /data/sub /data/sub/deep /data/up
busybox readlink /data/up
cat /data/file; echo
cat '/${ODD}/here'; echo
ls /none/yet /outside/volume
cat /root-only; echo
echo written > /data/own; cat /data/own`,
    ],
  });
  assert.deepEqual(lines(text), [
    "/data 1000:2000 1770",
    "/data/file 1001:2001 640",
    "/data/tool 0:0 4755",
    "/data/sub 7:0 750",
    "/data/sub/deep 0:0 644",
    "/data/up 9:9 777",
    "../../../etc/shadow",
    "from the image",
    "odd",
    "/none/yet:",
    "",
    "/outside/volume:",
    "a file",
    "written",
  ]);
});

const { runtimeHandlers } = await crictl.json("info");
const hasUsers = runtimeHandlers?.some((handler: Json) => handler.features?.user_namespaces);
const withUsers = skipUnless(hasUsers === true, "the runtime has no user namespaces");

Deno.test({
  ...withUsers("volumes of an image have its owners also in a pod with users of its own"),
  fn: async () => {
    const range = [{ host_id: 200_000, container_id: 0, length: 65_536 }];
    const userns_options = { mode: 0, uids: range, gids: range };
    const security_context = { namespace_options: { userns_options } };
    const pod = podConfig(daemon, "users", {
      linux: { cgroup_parent: daemon.cgroupParent, security_context },
    });
    const id = (await crictl("runp", await crictl.file(pod))).trim();
    const container = containerConfig("main", volumes, { linux: { security_context } });
    const created = await pods.create(id, { pod, container });
    await crictl("start", created);
    const command = ["busybox", "stat", "-c", "%u:%g", "/data", "/data/file"];
    const { stdout } = await crictl.attempt("exec", "--sync", created, ...command);
    assert.equal(stdout.trim(), "1000:2000\n1001:2001");
  },
});

Deno.test("an image mounted as a volume is there read-only, whole or a folder of it", async () => {
  const { text } = await output("image", [
    { image: { image: content }, container_path: "/whole", readonly: true },
    { image: { image: content }, image_sub_path: "link", container_path: "/part" },
  ], {
    command: [
      "sh",
      "-c",
      "cat /whole/readme; echo; ls /part; cat /part/two; echo; echo no > /part/x; echo no > /whole/x",
    ],
  });
  assert.deepEqual(lines(text), ["hello", "one", "two", "second"]);
  const refused = lines(text, "stderr");
  assert.equal(refused.length, 2);
  for (const line of refused) assert.match(line, /Read-only file system/);
});

Deno.test("a path in a mounted image can't lead out of it", async () => {
  const refused = create("escape", [
    { image: { image: content }, image_sub_path: "escape/hostname", container_path: "/x" },
  ], {});
  await assert.rejects(refused, /config\.mounts\[0\]\.image_sub_path: .* is not in the image/);
});

Deno.test("an image that isn't on the node can't be mounted", async () => {
  const refused = create("missing", [
    { image: { image: `${registry.host}/nothing:1` }, container_path: "/x" },
  ], {});
  await assert.rejects(refused, /config\.mounts\[0\]\.image: no image .*pull it first/);
});

Deno.test("mounted images are there after the daemon was killed, and go with their container", async () => {
  const container = await create("outlives", [
    { image: { image: content }, container_path: "/whole" },
  ], {});
  await daemon.stop("SIGKILL");
  await daemon.start();
  await crictl("start", container);
  const { stdout } = await crictl.attempt("exec", "--sync", container, "cat", "/whole/readme");
  assert.equal(stdout.trim(), "hello");
});

Deno.test("a folder of devices gives all devices in it", async () => {
  const container = containerConfig("main", image, {
    devices: [{ host_path: "/dev/net", container_path: "/dev/mine", permissions: "rw" }],
    command: ["sh", "-c", "ls /dev/mine"],
  });
  const pod = await pods.run("devices");
  const id = await pods.create(pod, { pod: podConfig(daemon, "devices"), container });
  const { info } = await crictl.json("inspect", id);
  const mine = info.runtimeSpec.linux.devices.map(({ path }: { path: string }) => path);
  assert.deepEqual(mine, ["/dev/mine/tun"]);
});
