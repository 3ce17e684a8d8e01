import assert from "node:assert/strict";
import { containerConfig, WEB } from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { processArgs, processEnv, workingDir } from "./process.ts";

const utf8 = new TextEncoder();
const EMPTY = { ...WEB, entrypoint: [], cmd: [], env: [], workingDir: "" };

const ARGS = [
  { name: "the image's own", is: ["/entrypoint.sh", "serve", "--port=80"] },
  {
    name: "the image's entrypoint with the request's args",
    args: ["a"],
    is: ["/entrypoint.sh", "a"],
  },
  { name: "the command without the image's Cmd", command: ["c"], is: ["c"] },
  { name: "command and args", command: ["c"], args: ["a"], is: ["c", "a"] },
  {
    name: "Cmd alone for an entrypoint taken back",
    image: { ...WEB, entrypoint: [""] },
    is: WEB.cmd,
  },
  { name: "args alone where the image has nothing", image: EMPTY, args: ["a"], is: ["a"] },
];

for (const { name, command = [], args = [], image = WEB, is } of ARGS) {
  Deno.test(`processArgs() gives ${name}`, () => {
    assert.deepEqual(processArgs({ command, args }, image), is);
  });
}

Deno.test("processArgs() refuses a container that nothing says what to run in", () => {
  const error = refuses(() => processArgs({ command: [], args: [] }, EMPTY), "config.command");
  assert.match(error.message, /no command specified/);
});

Deno.test("processEnv() lets the request's variables win in the places of the image's", () => {
  const config = containerConfig({
    tty: true,
    envs: [
      { key: "B", value: utf8.encode("new") },
      { key: "C", value: utf8.encode("x=y") },
      { key: "C", value: utf8.encode("\ufeffö") },
    ],
  });
  const image = { ...EMPTY, env: ["A=1", "B=2", "HOSTNAME=mine", "TERM", "=odd"] };
  assert.deepEqual(processEnv(config, { image, hostname: "web-0" }), [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=mine",
    "A=1",
    "B=new",
    "C=\ufeffö",
  ]);
});

Deno.test("processEnv() has no HOSTNAME where none is known, and TERM for terminals alone", () => {
  const env = processEnv(containerConfig(), { image: EMPTY, hostname: "" });
  assert.deepEqual(env.map((entry) => entry.split("=")[0]), ["PATH"]);
});

const DIRS = [
  { name: "the request's", request: "/a//b/./c/", image: "/x", is: "/a/b/c" },
  { name: "the image's", request: "", image: "app", is: "/app" },
  { name: "the root", request: "", image: "", is: "/" },
  { name: "no way out of the root", request: "", image: "/../../etc", is: "/etc" },
];

for (const { name, request, image, is } of DIRS) {
  Deno.test(`workingDir() is ${name}`, () => {
    assert.equal(workingDir({ workingDir: request }, { ...EMPTY, workingDir: image }), is);
  });
}

Deno.test("workingDir() refuses /proc's links to open files (CVE-2024-21626)", () => {
  for (
    const path of ["/proc/self/fd/7", "/proc//self/fd/8/../8", "/proc/1/cwd", "/proc/self/root"]
  ) {
    refuses(() => workingDir({ workingDir: path }, WEB), "config.working_dir");
    const image = { ...WEB, workingDir: path };
    refuses(() => workingDir({ workingDir: "" }, image), "the image's WorkingDir");
  }
});
